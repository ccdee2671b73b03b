using Detox.Gpu;

namespace Detox.Mpi.Data;

/// <summary>A built-in set whose images are drawn on demand: no file and no download.</summary>
/// <remarks>Sample i of a part is a pure function of (seed, part, i), the same bytes on every machine, so forty-five
/// ranks that each read their own samples draw no others. What was drawn is kept as bytes. Reads from many threads are safe:
/// two threads that draw one sample draw the same bytes, and either may stay. The classes are exactly balanced; the order is
/// no matter, a run takes samples in its own random order.</remarks>
/// <param name="purpose">Keeps the random numbers of a set apart from all others.</param>
internal abstract class DrawnSet(string name, ImageShape shape, int classes, PixelScale scale, ulong purpose, ulong seed, ulong part, int count) : Dataset
{
    private readonly byte[]?[] _drawn = new byte[]?[count];

    public override string Name => name;

    public override ImageShape Shape => shape;

    public override int Classes => classes;

    public override int Count => _drawn.Length;

    public override int Read(int index, Span<float> pixels)
    {
        int label = index % classes;
        scale.Apply(Drawn(index, label), pixels);
        return label;
    }

    /// <summary>Draws an image of a class; the same generator state draws the same bytes.</summary>
    protected abstract void Draw(int label, SeededRandom random, Span<byte> pixels);

    private byte[] Drawn(int index, int label)
    {
        byte[]? pixels = Volatile.Read(ref _drawn[index]);
        if (pixels is null)
        {
            pixels = new byte[shape.Length];
            Draw(label, new SeededRandom(seed, purpose, part, (ulong)index), pixels);
            Volatile.Write(ref _drawn[index], pixels);
        }
        return pixels;
    }
}
