using System.IO.Hashing;
using System.Text;

namespace Detox.Mpi.Data;

/// <summary>The form of one image; pixels lie row by row, the channels of a pixel side by side.</summary>
public readonly record struct ImageShape(int Height, int Width, int Channels)
{
    public int Length => Height * Width * Channels;
}

/// <summary>Labelled images, read one at a time by index. Every rank that reads sample i gets the same bits.</summary>
public abstract class Dataset
{
    public abstract string Name { get; }

    public abstract ImageShape Shape { get; }

    /// <summary>Labels are 0..Classes-1.</summary>
    public abstract int Classes { get; }

    public abstract int Count { get; }

    /// <summary>A digest by which two ranks see whether they have the same samples: of the bytes of a file, or of what a set is drawn from.</summary>
    public virtual ulong Digest() => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes($"{Name} {Shape} {Classes} {Count}"));

    /// <summary>Writes the normalised pixels of a sample and returns its label.</summary>
    public abstract int Read(int index, Span<float> pixels);
}

/// <summary>What a run trains on and what it is judged by.</summary>
public sealed record DataSplit(Dataset Training, Dataset Test)
{
    public ulong Digest() => (Training.Digest() * 31) + Test.Digest();
}
