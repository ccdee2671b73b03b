namespace Detox.Tests.Ptx;

/// <summary>Where the lanes of a warp that took different ways meet again.</summary>
/// <remarks>Blocks are put in an order in which a way leads forward, except back to the head of a loop, and a loop's blocks stand side by side
/// (Bourdoncle 1993, a weak topological order). Among the ways that a warp's lanes are on, that which is least far runs first; who comes back
/// to a loop's head waits there for all that are still in the loop. So lanes meet at the first block that all their ways share, as they do at
/// the immediate postdominator, but without regard to ways that lead out of the kernel.</remarks>
internal sealed class Meeting
{
    private readonly List<int>[] _next;
    private readonly int[] _position, _end;
    private int _placed;

    private Meeting(List<int>[] next)
    {
        _next = next;
        _position = new int[next.Length];
        _end = new int[next.Length];
        Place([.. Enumerable.Range(0, next.Length)]);
    }

    /// <summary>Marks the blocks, and says of every way between two of them how far it leads.</summary>
    public static void Rank(Instruction[] code)
    {
        code[0].IsBlockStart = true;
        for (int i = 0; i < code.Length; i++)
        {
            if (code[i].Form.Flow == Flow.Branch) code[code[i].Target].IsBlockStart = true;
            if (code[i].Form.Flow is Flow.Branch or Flow.Return && i + 1 < code.Length) code[i + 1].IsBlockStart = true;
        }

        int[] blockOf = new int[code.Length];
        int blocks = 0;
        for (int i = 0; i < code.Length; i++) blockOf[i] = code[i].IsBlockStart ? blocks++ : blocks - 1;
        List<int>[] next = [.. Enumerable.Range(0, blocks).Select(_ => new List<int>())];
        for (int i = 0; i < code.Length; i++)
        {
            if (code[i].Form.Flow == Flow.Branch) next[blockOf[i]].Add(blockOf[code[i].Target]);
            if (RunsOn(code, i) && code[i + 1].IsBlockStart) next[blockOf[i]].Add(blockOf[i + 1]);
        }

        Meeting order = new(next);
        for (int i = 0; i < code.Length; i++)
        {
            if (code[i].Form.Flow == Flow.Branch) code[i].TargetRank = order.RankOf(blockOf[i], blockOf[code[i].Target]);
            if (RunsOn(code, i)) code[i].NextRank = order.RankOf(blockOf[i], blockOf[i + 1]);
        }
    }

    private static bool RunsOn(Instruction[] code, int i)
        => i + 1 < code.Length && (code[i].Guard >= 0 || code[i].Form.Flow is not (Flow.Branch or Flow.Return));

    // Of two loops that end together, who waits in the inner one goes first.
    private long RankOf(int from, int to)
        => _position[to] > _position[from] ? (long)_position[to] << 32 : ((long)_end[to] << 32) + 1 + (_next.Length - _position[to]);

    private void Place(List<int> blocks)
    {
        foreach (List<int> component in Components(blocks))
        {
            // What a way from outside reaches first; Tarjan's algorithm has entered the component there.
            int head = component[^1];
            _position[head] = _placed++;
            component.RemoveAt(component.Count - 1);
            if (component.Count > 0) Place([.. _next[head].Where(component.Contains), .. component.Except(_next[head]).Order()]);
            _end[head] = _placed - 1;
        }
    }

    // Tarjan's strongly connected components within some blocks, in topological order; a component's last block is where it was entered.
    private List<List<int>> Components(List<int> blocks)
    {
        HashSet<int> inside = [.. blocks];
        Dictionary<int, int> index = [], low = [];
        List<int> open = [];
        List<List<int>> components = [];

        void Visit(int block)
        {
            index[block] = low[block] = index.Count;
            open.Add(block);
            foreach (int next in _next[block].Where(inside.Contains))
            {
                if (!index.ContainsKey(next))
                {
                    Visit(next);
                    low[block] = Math.Min(low[block], low[next]);
                }
                else if (open.Contains(next))
                {
                    low[block] = Math.Min(low[block], index[next]);
                }
            }

            if (low[block] != index[block]) return;
            int from = open.IndexOf(block);
            List<int> component = open[from..];
            component.Reverse();
            open.RemoveRange(from, open.Count - from);
            components.Add(component);
        }

        foreach (int block in blocks)
        {
            if (!index.ContainsKey(block)) Visit(block);
        }

        components.Reverse();
        return components;
    }
}
