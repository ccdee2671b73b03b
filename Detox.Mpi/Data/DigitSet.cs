using Detox.Gpu;

namespace Detox.Mpi.Data;

/// <summary>The built-in set <c>digits</c>: grey 28x28 digits drawn on demand, no file and no download.</summary>
/// <remarks>Sample i of a part is a pure function of (seed, part, i), the same bytes on every machine, so forty-five
/// ranks that each read their own samples draw no others. What was drawn is kept as bytes. Reads from many threads are safe:
/// two threads that draw one sample draw the same bytes, and either may stay.</remarks>
internal sealed class DigitSet : Dataset
{
    public const string SetName = "digits";

    private const int TrainingCount = 20_000, TestCount = 2_000;
    private const ulong Purpose = 0x646967697473; // "digits"

    private readonly ulong _seed, _part;
    private readonly byte[]?[] _drawn;

    private DigitSet(string name, ulong seed, ulong part, int count)
    {
        (Name, _seed, _part) = (name, seed, part);
        _drawn = new byte[]?[count];
    }

    public override string Name { get; }

    public override ImageShape Shape => new(DigitPainter.Side, DigitPainter.Side, 1);

    public override int Classes => 10;

    public override int Count => _drawn.Length;

    public static DataSplit Open(ulong seed)
        => new(new DigitSet("digits (training)", seed, 0, TrainingCount), new DigitSet("digits (test)", seed, 1, TestCount));

    /// <summary>The classes are exactly balanced; the order is no matter, a run takes samples in its own random order.</summary>
    public override int Read(int index, Span<float> pixels)
    {
        int label = index % Classes;
        PixelScale.Grey.Apply(Drawn(index, label), pixels);
        return label;
    }

    private byte[] Drawn(int index, int label)
    {
        byte[]? pixels = Volatile.Read(ref _drawn[index]);
        if (pixels is null)
        {
            pixels = new byte[DigitPainter.Side * DigitPainter.Side];
            DigitPainter.Paint(label, new SeededRandom(_seed, Purpose, _part, (ulong)index), pixels);
            Volatile.Write(ref _drawn[index], pixels);
        }
        return pixels;
    }
}
