using Detox.Mpi.Messaging;

namespace Detox.Tests.Training;

/// <summary>A communicator whose ranks take themselves for those of several nodes, and read no board of another node.</summary>
internal sealed class NodesCommunicator(Communicator inner, int[] nodes) : ForwardingCommunicator(inner)
{
    public override IReadOnlyList<int> Nodes => nodes;

    public override Boards OpenBoards(long bytes, bool writes) => new NodeBoards(Inner.OpenBoards(bytes, writes), nodes, Rank);

    private sealed class NodeBoards(Boards inner, int[] nodes, int rank) : Boards
    {
        public override Memory<byte> Own => inner.Own;

        public override ReadOnlySpan<byte> Of(int other) => nodes[other] == nodes[rank] ? inner.Of(other) : [];

        public override void Dispose() => inner.Dispose();
    }
}
