namespace Detox.Mpi.Messaging;

/// <summary>A communicator that does what another one does, but for what a decorator overrides.</summary>
internal abstract class ForwardingCommunicator(Communicator inner) : Communicator
{
    public override int Rank => inner.Rank;

    public override int Size => inner.Size;

    public override string Description => inner.Description;

    public override IReadOnlyList<int> Nodes => inner.Nodes;

    public override int OwnCores => inner.OwnCores;

    public override int NodeCores => inner.NodeCores;

    public override bool IsCrowded => inner.IsCrowded;

    protected Communicator Inner => inner;

    private protected override Doorbell Bell => BellOf(inner);

    public override Communicator Split(int color, int key) => inner.Split(color, key);

    public override void Barrier() => inner.Barrier();

    public override void Broadcast<T>(Span<T> values, int root) => inner.Broadcast(values, root);

    public override void Gather<T>(ReadOnlySpan<T> values, Span<T> gathered, int root) => inner.Gather(values, gathered, root);

    public override void Allgather<T>(ReadOnlySpan<T> values, Span<T> gathered) => inner.Allgather(values, gathered);

    public override void Allreduce(Span<long> values, Reduction reduction) => inner.Allreduce(values, reduction);

    public override void Send<T>(ReadOnlySpan<T> values, int destination, int tag) => inner.Send(values, destination, tag);

    public override int Receive<T>(Span<T> values, int source, int tag) => inner.Receive(values, source, tag);

    public override Request ImmediateSend<T>(ReadOnlyMemory<T> values, int destination, int tag, bool quietly = false)
        => inner.ImmediateSend(values, destination, tag, quietly);

    public override Request ImmediateReceive<T>(Memory<T> values, int source, int tag) => inner.ImmediateReceive(values, source, tag);

    public override bool Probe(int source, int tag, out int sender, out long bytes) => inner.Probe(source, tag, out sender, out bytes);

    public override nint SentFrom(int source, int tag) => inner.SentFrom(source, tag);

    public override Request Drop(int source, int tag) => inner.Drop(source, tag);

    public override Boards OpenBoards(long bytes, bool writes) => inner.OpenBoards(bytes, writes);

    public override void TakeTurn(int threads) => inner.TakeTurn(threads);

    public override void GiveTurn() => inner.GiveTurn();

    public override void Withdraw() => inner.Withdraw();

    public override void Wake(IReadOnlyList<int> ranks, IReadOnlyList<int> processes) => inner.Wake(ranks, processes);

    public override void EndWithout(IReadOnlyList<int> ranks, int exitCode) => inner.EndWithout(ranks, exitCode);

    public override void Abort(int exitCode) => inner.Abort(exitCode);

    /// <summary>The communicator within is its owner's to end.</summary>
    public override void Dispose()
    {
    }
}
