using Detox.Gpu;

namespace Detox.Mpi.Data;

/// <summary>The built-in set <c>digits</c>: grey 28x28 digits.</summary>
internal sealed class DigitSet : DrawnSet
{
    private const int TrainingCount = 20_000, TestCount = 2_000, Digits = 10;
    private const ulong Purpose = 0x646967697473; // "digits"

    private DigitSet(string name, ulong seed, ulong part, int count)
        : base(name, new(DigitPainter.Side, DigitPainter.Side, 1), Digits, PixelScale.Grey, Purpose, seed, part, count)
    {
    }

    public static DataSplit Open(ulong seed)
        => new(new DigitSet("digits (training)", seed, 0, TrainingCount), new DigitSet("digits (test)", seed, 1, TestCount));

    protected override void Draw(int label, SeededRandom random, Span<byte> pixels) => DigitPainter.Paint(label, random, pixels);
}
