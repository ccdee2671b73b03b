using System.Diagnostics;
using System.Runtime.InteropServices;
using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>How attackers come to know the honest gradients: the experiment tells them, at its own cost.</summary>
/// <remarks>The lowest honest rank of each group sends its payload to the lowest attacker, which makes the forged one and
/// sends it to the others. All ranks know the placement, since it is seeded. A group without an honest rank adds
/// nothing, and where too few are known the attackers are honest. No part of Detox does this; its time is told apart. No honest rank waits for an attacker, and attackers wait for
/// what does not come only as long as <paramref name="patience"/> says.</remarks>
/// <param name="attend">What else this rank sees to while it waits: where it is rank 0, an honest rank may wait for that before it tells its payload. Null: nothing.</param>
internal sealed class Colluders(Communicator world, GroupTable groups, Attack attack, TimeSpan patience, Action? attend = null)
{
    private readonly List<(Request Request, float[] Copy)> _sends = [];
    private readonly Stack<float[]> _copies = [];
    private readonly float[][] _honest = new float[groups.GroupCount][];
    private readonly List<int> _joined = [];
    private float[] _told = [];

    /// <summary>Afterwards an attacker's payload is the forged one. Every rank calls this in every step that it computes.</summary>
    /// <param name="context">This rank's.</param>
    /// <param name="message">The payload behind the head of a message.</param>
    /// <returns>The seconds that making and telling the forged payload took, on the rank that made it.</returns>
    public float Conspire(in AttackContext context, ReadOnlySpan<bool> isByzantine, Memory<float> message)
    {
        long step = context.Step;
        int head = isByzantine.IndexOf(true);
        if (head < 0) return 0;

        // The last step's messages have gone, or their receiver listens no more, and gets none.
        foreach ((Request request, float[] copy) in _sends)
            if (request.Test()) _copies.Push(copy);
        _sends.RemoveAll(send => send.Request.Test());
        int sources = 0;
        _joined.Clear();
        for (int group = 0; group < groups.GroupCount; group++)
        {
            bool isCaptured = groups.HasMajority(group, isByzantine);
            if (isCaptured) _joined.Add(HonestPayloads.Forged);
            int source = LowestHonest(group, isByzantine);
            if (source < 0) continue;
            if (world.Rank == source) Send(step, MessageKind.Honest, message, head, Tag.Honest);
            if (world.Rank != head) continue;
            _honest[sources] ??= GC.AllocateUninitializedArray<float>(message.Length, pinned: true);
            if (!Receive(step, MessageKind.Honest, _honest[sources], source, Tag.Honest)) continue;
            if (!isCaptured) _joined.Add(sources);
            sources++;
        }

        if (world.Rank == head)
        {
            long start = Stopwatch.GetTimestamp();
            HonestPayloads honest = new(_honest, sources, Head.Floats, _joined);
            if (attack.Problem(honest, context) is null) attack.Collude(honest, context, message.Span[Head.Floats..]);
            for (int rank = head + 1; rank < world.Size; rank++)
                if (isByzantine[rank]) Send(step, MessageKind.Forged, message, rank, Tag.Forged);
            return (float)Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        if (isByzantine[world.Rank])
        {
            if (_told.Length == 0) _told = GC.AllocateUninitializedArray<float>(message.Length, pinned: true);
            if (Receive(step, MessageKind.Forged, _told, head, Tag.Forged)) _told.AsSpan(Head.Floats).CopyTo(message.Span[Head.Floats..]);
        }

        return 0;
    }

    private void Send(long step, MessageKind kind, Memory<float> payload, int rank, int tag)
    {
        if (_sends.Count >= world.Size) return;

        // A copy, since the payload changes before it may be taken.
        float[] copy = _copies.TryPop(out float[]? old) ? old : GC.AllocateUninitializedArray<float>(payload.Length, pinned: true);
        payload.CopyTo(copy);
        MemoryMarshal.Write(MemoryMarshal.AsBytes(copy.AsSpan()), new Head { Step = step, Kind = kind, Length = (payload.Length * sizeof(float)) - Head.Bytes });
        _sends.Add((world.ImmediateSend<float>(copy, rank, tag), copy));
    }

    /// <summary>Takes the step's payload, and throws older ones away; false where it does not come.</summary>
    private bool Receive(long step, MessageKind kind, float[] payload, int source, int tag)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            TimeSpan left = patience - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !world.Await(() => HasCome(source, tag), left)) return false;
            world.ImmediateReceive<float>(payload, source, tag).Wait();
            Head head = MemoryMarshal.Read<Head>(MemoryMarshal.AsBytes(payload.AsSpan()));
            if (head.Step == step && head.Kind == kind) return true;
        }
    }

    private bool HasCome(int source, int tag)
    {
        attend?.Invoke();
        return world.Probe(source, tag, out _, out _);
    }

    private int LowestHonest(int group, ReadOnlySpan<bool> isByzantine)
    {
        foreach (int rank in groups.Members(group))
            if (!isByzantine[rank]) return rank;
        return -1;
    }
}
