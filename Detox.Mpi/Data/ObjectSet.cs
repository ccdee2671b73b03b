using Detox.Gpu;

namespace Detox.Mpi.Data;

/// <summary>The built-in set <c>objects</c>: 32x32 colour images of ten kinds of objects.</summary>
/// <remarks>Class c is shape c mod 5 in texture c / 5.</remarks>
internal sealed class ObjectSet : DrawnSet
{
    private const int TrainingCount = 20_000, TestCount = 2_000;
    private const ulong Purpose = 0x6F626A65637473; // "objects"

    private ObjectSet(string name, ulong seed, ulong part, int count)
        : base(
            name,
            new(ObjectPainter.Side, ObjectPainter.Side, ObjectPainter.Channels),
            ObjectPainter.Shapes * ObjectPainter.Textures,
            PixelScale.Objects,
            Purpose,
            seed,
            part,
            count)
    {
    }

    public static DataSplit Open(ulong seed)
        => new(new ObjectSet("objects (training)", seed, 0, TrainingCount), new ObjectSet("objects (test)", seed, 1, TestCount));

    protected override void Draw(int label, SeededRandom random, Span<byte> pixels)
        => ObjectPainter.Paint(label % ObjectPainter.Shapes, label / ObjectPainter.Shapes, random, pixels);
}
