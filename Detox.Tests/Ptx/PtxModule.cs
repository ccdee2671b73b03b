namespace Detox.Tests.Ptx;

/// <summary>The kernels of a text of PTX.</summary>
/// <remarks>Of functions only their names are kept: ILGPU inlines what kernels call, and writes the functions that it has turned into
/// single instructions once more, without a body that means anything.</remarks>
internal sealed class PtxModule(IReadOnlyList<PtxKernel> kernels, IReadOnlyList<string> functions)
{
    public IReadOnlyList<PtxKernel> Kernels => kernels;

    public IReadOnlyList<string> Functions => functions;

    public PtxKernel this[string name] => kernels.FirstOrDefault(kernel => kernel.Name == name)
        ?? throw new ArgumentException($"there is no kernel '{name}', but {string.Join(", ", kernels.Select(kernel => kernel.Name))}", nameof(name));

    public static PtxModule Parse(string text) => new Parser(text).Module();
}

/// <summary>A kernel, decoded.</summary>
internal sealed class PtxKernel
{
    public required string Name { get; init; }

    public required IReadOnlyList<Parameter> Parameters { get; init; }

    public required Instruction[] Code { get; init; }

    public required Layout Shared { get; init; }

    public required Layout Local { get; init; }

    /// <summary>Rows of 32 values: the registers, then the constants and the special registers.</summary>
    public required int Rows { get; init; }

    public required int Predicates { get; init; }

    public required IReadOnlyList<(int Row, ulong Value)> Constants { get; init; }

    public required IReadOnlyList<(int Row, string Name)> SpecialRegisters { get; init; }

    /// <summary>The most threads of a group, where the kernel says so.</summary>
    public required long MostThreads { get; init; }

    public int ParameterBytes => Parameters.Count == 0 ? 0 : Parameters[^1].Offset + Parameters[^1].Bytes;
}

/// <summary>A parameter in the block of all parameters, each at its natural alignment.</summary>
internal sealed record Parameter(string Name, int Offset, int Bytes);

/// <summary>Where the arrays of shared or local memory lie.</summary>
/// <remarks>Before, between and behind them lies what belongs to no array, so that whoever leaves an array a little does not land in another.</remarks>
internal sealed class Layout
{
    private const int Gap = 256;

    private readonly Dictionary<string, int> _starts = [];
    private readonly List<(int Start, int End)> _arrays = [];

    public int Bytes { get; private set; } = Gap;

    /// <summary>What the arrays themselves take.</summary>
    public int ArrayBytes => _arrays.Sum(array => array.End - array.Start);

    public bool TryFind(string name, out int start) => _starts.TryGetValue(name, out start);

    public void Add(string name, int alignment, int bytes)
    {
        int start = (Bytes + alignment - 1) / alignment * alignment;
        _starts.Add(name, start);
        _arrays.Add((start, start + bytes));
        Bytes = start + bytes + Gap;
    }

    /// <summary>For each byte, whether it belongs to an array.</summary>
    public bool[] Inside()
    {
        bool[] inside = new bool[Bytes];
        foreach ((int start, int end) in _arrays) inside.AsSpan(start..end).Fill(true);
        return inside;
    }
}
