using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>The vote within a group, as one of its ranks sees it: each shows the others what it has voted for.</summary>
/// <remarks>Rank 0 decides from the ballots that it was told itself. What a group shows is a hint, so nobody waits for it: it lets the
/// rank that completes a majority send its vector at once. A rank shows no ballot but a hash of ballot, rank and step: whoever has the
/// same ballot can make that hash too, and nobody learns from it a ballot that it has not computed.</remarks>
internal sealed class GroupVote
{
    /// <summary>A rank that shows more than this at a time is not listened to until the next look.</summary>
    private const int MostAtATime = 16;

    private readonly Communicator _world;
    private readonly int[] _others;
    private readonly Head[] _incoming = new Head[1];
    private readonly Head[] _outgoing = new Head[1];
    private readonly Request?[] _sends;
    private readonly Head[] _shown;
    private readonly int _size;

    /// <param name="members">The ranks of the group, this one among them.</param>
    public GroupVote(Communicator world, ReadOnlySpan<int> members)
    {
        _world = world;
        _size = members.Length;
        _others = [.. members.ToArray().Where(rank => rank != world.Rank)];
        _sends = new Request?[_others.Length];
        _shown = new Head[_others.Length];
    }

    /// <summary>Shows the ballot, and looks at what the others have shown so far.</summary>
    /// <returns>Whether this ballot makes a majority of what was none before: the rank is to send its vector.</returns>
    public bool Show(long step, Ballot ballot)
    {
        Look();
        int equal = 1;
        for (int i = 0; i < _others.Length; i++)
            if (_shown[i].Step == step && _shown[i].Kind == MessageKind.Shown && _shown[i].Ballot == Hash(ballot, _others[i], step)) equal++;

        // Where the last ones have not been taken yet, those ranks do not listen, and what was sent must stay as it is.
        if (Array.TrueForAll(_sends, send => send is null || send.Test()))
        {
            _outgoing[0] = new Head { Step = step, Kind = MessageKind.Shown, Ballot = Hash(ballot, _world.Rank, step) };
            for (int i = 0; i < _others.Length; i++)
                _sends[i] = _world.ImmediateSend<Head>(_outgoing, _others[i], Tag.Group, quietly: true);
        }

        return !ballot.IsInvalid && equal == (_size / 2) + 1;
    }

    private void Look()
    {
        for (int i = 0; i < _others.Length; i++)
        {
            for (int taken = 0; taken < MostAtATime && _world.Probe(_others[i], Tag.Group, out _, out long bytes); taken++)
            {
                if (bytes != Head.Bytes)
                {
                    if (!_world.Drop(_others[i], Tag.Group).Test()) break;
                    continue;
                }

                _world.ImmediateReceive<Head>(_incoming, _others[i], Tag.Group).Wait();
                _shown[i] = _incoming[0];
            }
        }
    }

    private static Ballot Hash(Ballot ballot, int rank, long step)
    {
        Span<byte> text = stackalloc byte[Ballot.Bytes + sizeof(int) + sizeof(long)];
        ballot.CopyTo(text);
        MemoryMarshal.Write(text[Ballot.Bytes..], rank);
        MemoryMarshal.Write(text[(Ballot.Bytes + sizeof(int))..], step);
        return Ballot.Blake3Of(text);
    }
}
