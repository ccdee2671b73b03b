using System.IO.Hashing;

namespace Detox.Mpi.Data;

/// <summary>Images of a file, kept as bytes and scaled when read.</summary>
internal sealed class ImageSet : Dataset
{
    private readonly ReadOnlyMemory<byte> _pixels, _labels;
    private readonly PixelScale _scale;

    /// <summary>pixels: one image after the other, in the order of <see cref="ImageShape"/>; labels: a byte each.</summary>
    public ImageSet(string name, ImageShape shape, int classes, PixelScale scale, ReadOnlyMemory<byte> pixels, ReadOnlyMemory<byte> labels)
    {
        (Name, Shape, Classes, _scale, _pixels, _labels) = (name, shape, classes, scale, pixels, labels);
    }

    public PixelScale Scale => _scale;

    public ReadOnlyMemory<byte> Pixels => _pixels;

    public ReadOnlyMemory<byte> LabelBytes => _labels;

    public override string Name { get; }

    public override ImageShape Shape { get; }

    public override int Classes { get; }

    public override int Count => _labels.Length;

    /// <summary>One for each image.</summary>
    public ReadOnlySpan<byte> Labels => _labels.Span;

    public override ulong Digest()
    {
        XxHash3 hash = new((long)base.Digest());
        hash.Append(_pixels.Span);
        hash.Append(_labels.Span);
        return hash.GetCurrentHashAsUInt64();
    }

    public override int Read(int index, Span<float> pixels)
    {
        int label = _labels.Span[index];
        _scale.Apply(_pixels.Span.Slice(index * Shape.Length, Shape.Length), pixels);
        return label;
    }

    /// <summary>For a folder with one part only: the last fifth is held out for testing.</summary>
    /// <param name="source">The folder or file, for the error.</param>
    public DataSplit HoldOutLastFifth(string source)
    {
        if (Count < 5)
        {
            throw new DetoxException(ExitCode.Usage, $"{source}: expected at least 5 images, found {Count}. "
                + "With no test files beside them, the last fifth is held out for testing.");
        }
        int training = Count - (Count / 5);
        return new(Slice("training, first four fifths", 0, training), Slice("test, last fifth", training, Count - training));
    }

    private ImageSet Slice(string part, int start, int count)
        => new($"{Name} ({part})", Shape, Classes, _scale, _pixels.Slice(start * Shape.Length, count * Shape.Length), _labels.Slice(start, count));
}
