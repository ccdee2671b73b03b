namespace Detox.Gpu.Devices;

/// <summary>The rows that a pass reads: Count vectors of Width floats, anywhere and in any order in one piece of memory.</summary>
/// <remarks>Choosing, leaving out or reordering rows is a matter of the offsets: no row is copied.</remarks>
public readonly ref struct Rows
{
    /// <param name="memory">Holds every row.</param>
    /// <param name="offsets">Where each row starts, in floats from the start of <paramref name="memory"/>.</param>
    /// <param name="width">Floats in a row.</param>
    public Rows(View memory, ReadOnlySpan<long> offsets, long width)
    {
        if (width < 0) throw new ArgumentOutOfRangeException(nameof(width), $"A row cannot have {width} floats.");
        foreach (long offset in offsets)
            if (offset < 0 || offset + width > memory.Length)
                throw new ArgumentOutOfRangeException(nameof(offsets), $"A row of {width} floats at {offset} lies outside a view of {memory.Length}.");
        Memory = memory;
        Offsets = offsets;
        Width = width;
    }

    public View Memory { get; }

    public ReadOnlySpan<long> Offsets { get; }

    public long Width { get; }

    public int Count => Offsets.Length;

    public View this[int row] => Memory.Slice(Offsets[row], Width);

    /// <summary>Rows at 0, stride, 2 stride, ...; the offsets are written into <paramref name="offsets"/>, one a row.</summary>
    public static Rows Regular(View memory, long stride, long width, Span<long> offsets)
    {
        for (int i = 0; i < offsets.Length; i++) offsets[i] = i * stride;
        return new Rows(memory, offsets, width);
    }
}
