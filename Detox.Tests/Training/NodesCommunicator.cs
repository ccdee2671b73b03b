using Detox.Mpi.Messaging;

namespace Detox.Tests.Training;

/// <summary>A communicator whose ranks take themselves for those of several nodes, and read no board of another node.</summary>
internal sealed class NodesCommunicator(Communicator inner, int[] nodes) : Communicator
{
    public override int Rank => inner.Rank;

    public override int Size => inner.Size;

    public override string Description => inner.Description;

    public override IReadOnlyList<int> Nodes => nodes;

    public override int OwnCores => inner.OwnCores;

    public override int NodeCores => inner.NodeCores;

    private protected override Doorbell Bell => BellOf(inner);

    public override Boards OpenBoards(long bytes, bool writes) => new NodeBoards(inner.OpenBoards(bytes, writes), nodes, Rank);

    public override Request ImmediateSend<T>(ReadOnlyMemory<T> values, int destination, int tag, bool quietly = false)
        => inner.ImmediateSend(values, destination, tag, quietly);

    public override Request ImmediateReceive<T>(Memory<T> values, int source, int tag) => inner.ImmediateReceive(values, source, tag);

    public override bool Probe(int source, int tag, out int sender, out long bytes) => inner.Probe(source, tag, out sender, out bytes);

    public override Request Drop(int source, int tag) => inner.Drop(source, tag);

    public override Communicator Split(int color, int key) => inner.Split(color, key);

    public override void Barrier() => inner.Barrier();

    public override void Broadcast<T>(Span<T> values, int root) => inner.Broadcast(values, root);

    public override void Gather<T>(ReadOnlySpan<T> values, Span<T> gathered, int root) => inner.Gather(values, gathered, root);

    public override void Allgather<T>(ReadOnlySpan<T> values, Span<T> gathered) => inner.Allgather(values, gathered);

    public override void Allreduce(Span<long> values, Reduction reduction) => inner.Allreduce(values, reduction);

    public override void Send<T>(ReadOnlySpan<T> values, int destination, int tag) => inner.Send(values, destination, tag);

    public override int Receive<T>(Span<T> values, int source, int tag) => inner.Receive(values, source, tag);

    public override void Abort(int exitCode) => inner.Abort(exitCode);

    public override void Dispose()
    {
    }

    private sealed class NodeBoards(Boards inner, int[] nodes, int rank) : Boards
    {
        public override Memory<byte> Own => inner.Own;

        public override ReadOnlySpan<byte> Of(int other) => nodes[other] == nodes[rank] ? inner.Of(other) : [];

        public override void Dispose() => inner.Dispose();
    }
}
