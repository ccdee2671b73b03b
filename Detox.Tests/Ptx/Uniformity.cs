using System.Collections;

namespace Detox.Tests.Ptx;

/// <summary>Which conditional branches that are said to be uniform may be none: for all inputs, where the machine sees one run at a time.</summary>
/// <remarks>A value differs between the threads of a warp if it is made from their numbers, from words at such addresses, or from what lanes
/// tell each other; if it was written on one of several ways that threads took at a branch, and read where the ways have met; or if it was
/// written in a loop that threads leave at different times, and read behind it. What meets where follows Moll and Hack 2018, "Partial
/// control-flow linearization": each way of a branch has a label, which it keeps to where it meets another.</remarks>
internal sealed class Uniformity
{
    private const int Outside = -1;

    private readonly PtxKernel _kernel;
    private readonly Instruction[] _code;
    private readonly Blocks _blocks;
    private readonly HashSet<int> _threadRows;

    // For each instruction that writes, whether what it writes differs; for each branch that diverges, its blocks' labels.
    private readonly bool[] _differs;
    private readonly Dictionary<int, int[]> _diverging = [];
    private readonly List<int>[][] _sources;

    private Uniformity(PtxKernel kernel)
    {
        (_kernel, _code, _blocks, _differs) = (kernel, kernel.Code, new Blocks(kernel.Code), new bool[kernel.Code.Length]);
        _threadRows = [.. kernel.SpecialRegisters.Where(register => register.Name == "%laneid" || register.Name.StartsWith("%tid", StringComparison.Ordinal)).Select(register => register.Row)];
        _sources = Sources();
    }

    /// <summary>The branches of a kernel that do not deserve their .uni.</summary>
    public static IReadOnlyList<Instruction> DoubtfulBranches(PtxKernel kernel)
    {
        Uniformity analysis = new(kernel);
        while (analysis.Grow())
        {
        }

        return [.. analysis._diverging.Keys.Order().Select(at => kernel.Code[at]).Where(branch => branch.Form.IsUniform)];
    }

    private bool Grow()
    {
        bool hasGrown = false;
        for (int at = 0; at < _code.Length; at++)
        {
            Instruction instruction = _code[at];
            if (instruction.Form.Flow == Flow.Branch && instruction.Guard >= 0 && !_diverging.ContainsKey(at) && ReadsWhatDiffers(at))
            {
                _diverging.Add(at, _blocks.Labels(at));
                hasGrown = true;
            }
            else if (!_differs[at] && Writes(instruction).Any() && MakesWhatDiffers(at))
            {
                _differs[at] = hasGrown = true;
            }
        }

        return hasGrown;
    }

    private bool MakesWhatDiffers(int at)
    {
        string opcode = _code[at].Opcode;
        if (opcode.StartsWith("shfl", StringComparison.Ordinal)) return true;
        if (opcode.StartsWith("vote", StringComparison.Ordinal)) return false;
        return ReadsWhatDiffers(at) || (opcode.StartsWith("ld.local", StringComparison.Ordinal) && LocalMemoryDiffers());
    }

    private bool LocalMemoryDiffers() => Enumerable.Range(0, _code.Length).Any(at => _code[at].Opcode.StartsWith("st.local", StringComparison.Ordinal)
        && (ReadsWhatDiffers(at) || _diverging.Values.Any(labels => labels[_blocks.Of(at)] != Outside)));

    private bool ReadsWhatDiffers(int at)
    {
        int block = _blocks.Of(at), operand = 0;
        foreach (int variable in Reads(_code[at]))
        {
            if (_threadRows.Contains(variable)) return true;
            foreach (int source in _sources[at][operand])
            {
                if (_differs[source]) return true;
                int from = _blocks.Of(source);
                if (_diverging.Values.Any(labels => labels[from] != Outside && labels[from] != labels[block])) return true;
            }

            operand++;
        }

        return false;
    }

    // For each operand that an instruction reads, the instructions whose results may stand in it.
    private List<int>[][] Sources()
    {
        Dictionary<int, List<int>> writers = [];
        for (int at = 0; at < _code.Length; at++)
        {
            foreach (int variable in Writes(_code[at])) (writers.TryGetValue(variable, out List<int>? list) ? list : writers[variable] = []).Add(at);
        }

        BitArray[] reaching = _blocks.Reaching((at, live) => Pass(at, live, writers));
        List<int>[][] sources = new List<int>[_code.Length][];
        for (int at = 0; at < _code.Length; at++)
        {
            BitArray live = reaching[_blocks.Of(at)];
            sources[at] = [.. Reads(_code[at]).Select(variable => writers.TryGetValue(variable, out List<int>? list) ? list.Where(writer => live[writer]).ToList() : [])];
            Pass(at, live, writers);
        }

        return sources;
    }

    private void Pass(int at, BitArray live, Dictionary<int, List<int>> writers)
    {
        foreach (int variable in Writes(_code[at]))
        {
            if (_code[at].Guard < 0) writers[variable].ForEach(writer => live[writer] = false);
            live[at] = true;
        }
    }

    private IEnumerable<int> Reads(Instruction instruction)
        => (instruction.Guard >= 0 ? new[] { _kernel.Rows + instruction.Guard } : []).Concat(Operands(instruction, false));

    private IEnumerable<int> Writes(Instruction instruction)
        => Operands(instruction, true).Concat(instruction.SecondResult >= 0 ? [_kernel.Rows + instruction.SecondResult] : []);

    // Registers by their rows, predicates behind them.
    private IEnumerable<int> Operands(Instruction instruction, bool areWritten)
    {
        string[] slots = instruction.Form.Signature.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < slots.Length; i++)
        {
            if (slots[i].StartsWith('=') != areWritten || slots[i] is "label" or "number") continue;
            int row = i switch { 0 => instruction.First, 1 => instruction.Second, 2 => instruction.Third, 3 => instruction.Fourth, _ => instruction.Fifth };
            if (slots[i].Contains('*')) foreach (int part in instruction.Vector) yield return part;
            else yield return slots[i].TrimStart('=', '!') == "pred" ? _kernel.Rows + row : row;
        }
    }
}
