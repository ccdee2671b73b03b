using System.Collections;

namespace Detox.Tests.Ptx;

/// <summary>The blocks of a kernel and the ways between them.</summary>
internal sealed class Blocks
{
    private readonly Instruction[] _code;
    private readonly int[] _blockOf;
    private readonly List<int> _starts = [];
    private readonly List<int>[] _next, _before;
    private readonly BitArray[] _postdominators;

    // In which a block comes before those that it leads to, but for loops.
    private readonly int[] _order;

    public Blocks(Instruction[] code)
    {
        _code = code;
        _blockOf = new int[code.Length];
        for (int at = 0; at < code.Length; at++)
        {
            if (code[at].IsBlockStart) _starts.Add(at);
            _blockOf[at] = _starts.Count - 1;
        }

        _next = [.. _starts.Select(_ => new List<int>())];
        _before = [.. _starts.Select(_ => new List<int>())];
        for (int at = 0; at < code.Length; at++)
        {
            if (code[at].Form.Flow == Flow.Branch) Join(at, code[at].Target);
            if (at + 1 < code.Length && code[at + 1].IsBlockStart && (code[at].Guard >= 0 || code[at].Form.Flow is not (Flow.Branch or Flow.Return))) Join(at, at + 1);
        }

        _postdominators = Postdominators();
        _order = new int[_starts.Count];
        Array.Fill(_order, -1);
        int last = _starts.Count;
        Place(0, new HashSet<int>(), ref last);
    }

    public int Of(int instruction) => _blockOf[instruction];

    /// <summary>What holds at the start of each block, where it holds if it does at the end of any block before.</summary>
    /// <param name="pass">What an instruction changes, one bit for each instruction.</param>
    public BitArray[] Reaching(Action<int, BitArray> pass)
    {
        BitArray[] atStart = [.. _starts.Select(_ => new BitArray(_code.Length))];
        Queue<int> open = new(Enumerable.Range(0, _starts.Count));
        while (open.TryDequeue(out int block))
        {
            BitArray live = new(atStart[block]);
            for (int at = _starts[block]; at < _code.Length && _blockOf[at] == block; at++) pass(at, live);
            foreach (int next in _next[block])
            {
                BitArray joined = new BitArray(atStart[next]).Or(live);
                if (!new BitArray(joined).Xor(atStart[next]).HasAnySet()) continue;
                atStart[next] = joined;
                open.Enqueue(next);
            }
        }

        return atStart;
    }

    /// <summary>For each block that a branch's ways lead to before they all have met, which way it is on: the block where that way began, at the
    /// branch or where two ways met; -1 for all others.</summary>
    public int[] Labels(int branch)
    {
        int from = _blockOf[branch];
        HashSet<int> ownWays = [.. _next[from].Where(next => !_postdominators[from][next] || next == from)];
        while (true)
        {
            int[] labels = Spread(from, ownWays, out int firstMeeting);
            if (firstMeeting < 0) return labels;
            ownWays.Add(firstMeeting);
        }
    }

    // Every block that begins a way of its own spreads its label; says at which block, the first in the kernel's order, two labels meet.
    private int[] Spread(int from, HashSet<int> ownWays, out int firstMeeting)
    {
        int[] labels = new int[_starts.Count];
        Array.Fill(labels, -1);
        firstMeeting = -1;
        foreach (int way in ownWays) labels[way] = way;
        Queue<int> open = new(ownWays.OrderBy(way => _order[way]));
        while (open.TryDequeue(out int block))
        {
            if (block == from) continue;
            foreach (int next in _next[block])
            {
                if (ownWays.Contains(next) || labels[next] == labels[block] || (next != from && _postdominators[from][next])) continue;
                if (labels[next] < 0)
                {
                    labels[next] = labels[block];
                    open.Enqueue(next);
                }
                else if (firstMeeting < 0 || _order[next] < _order[firstMeeting])
                {
                    firstMeeting = next;
                }
            }
        }

        return labels;
    }

    private void Join(int from, int to)
    {
        _next[_blockOf[from]].Add(_blockOf[to]);
        _before[_blockOf[to]].Add(_blockOf[from]);
    }

    private void Place(int block, HashSet<int> seen, ref int last)
    {
        if (!seen.Add(block)) return;
        foreach (int next in _next[block]) Place(next, seen, ref last);
        _order[block] = --last;
    }

    private BitArray[] Postdominators()
    {
        BitArray[] sets = [.. _starts.Select((_, block) => new BitArray(_starts.Count, _next[block].Count > 0))];
        for (int block = 0; block < sets.Length; block++) sets[block][block] = true;
        Queue<int> open = new(Enumerable.Range(0, _starts.Count).Reverse());
        while (open.TryDequeue(out int block))
        {
            if (_next[block].Count == 0) continue;
            BitArray set = new(sets[_next[block][0]]);
            foreach (int next in _next[block]) set.And(sets[next]);
            set[block] = true;
            if (!new BitArray(set).Xor(sets[block]).HasAnySet()) continue;
            sets[block] = set;
            _before[block].ForEach(open.Enqueue);
        }

        return sets;
    }
}
