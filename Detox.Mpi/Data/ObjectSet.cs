using Detox.Gpu;

namespace Detox.Mpi.Data;

/// <summary>The built-in set <c>objects</c>: 32x32 colour images of ten kinds of objects, drawn on demand, no file and no download.</summary>
/// <remarks>Sample i of a part is a pure function of (seed, part, i), the same bytes on every machine; what was drawn is kept as
/// bytes, and reads from many threads are safe, as for <see cref="DigitSet"/>. Class c is shape c mod 5 in texture c / 5.</remarks>
internal sealed class ObjectSet : Dataset
{
    public const string SetName = "objects";

    private const int TrainingCount = 20_000, TestCount = 2_000;
    private const ulong Purpose = 0x6F626A65637473; // "objects"

    private readonly ulong _seed, _part;
    private readonly byte[]?[] _drawn;

    private ObjectSet(string name, ulong seed, ulong part, int count)
    {
        (Name, _seed, _part) = (name, seed, part);
        _drawn = new byte[]?[count];
    }

    public override string Name { get; }

    public override ImageShape Shape => new(ObjectPainter.Side, ObjectPainter.Side, ObjectPainter.Channels);

    public override int Classes => ObjectPainter.Shapes * ObjectPainter.Textures;

    public override int Count => _drawn.Length;

    public static DataSplit Open(ulong seed)
        => new(new ObjectSet("objects (training)", seed, 0, TrainingCount), new ObjectSet("objects (test)", seed, 1, TestCount));

    /// <summary>The classes are exactly balanced; the order is no matter, a run takes samples in its own random order.</summary>
    public override int Read(int index, Span<float> pixels)
    {
        int label = index % Classes;
        PixelScale.Objects.Apply(Drawn(index, label), pixels);
        return label;
    }

    private byte[] Drawn(int index, int label)
    {
        byte[]? pixels = Volatile.Read(ref _drawn[index]);
        if (pixels is null)
        {
            pixels = new byte[Shape.Length];
            var random = new SeededRandom(_seed, Purpose, _part, (ulong)index);
            ObjectPainter.Paint(label % ObjectPainter.Shapes, label / ObjectPainter.Shapes, random, pixels);
            Volatile.Write(ref _drawn[index], pixels);
        }
        return pixels;
    }
}
