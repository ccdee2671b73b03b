using System.Text;

namespace Detox.Mpi.Data;

/// <summary>A folder's images as one block of bytes, so that the ranks of a node read them in one memory: what they are, then pixels and labels.</summary>
internal static class PackedImages
{
    private const int Sets = 2;
    private static readonly PixelScale[] _scales = [PixelScale.Grey, PixelScale.Cifar10, PixelScale.Cifar100, PixelScale.Objects];

    /// <summary>The parts of the block, to be written one after the other; null where the images are drawn, which needs no memory.</summary>
    public static IReadOnlyList<ReadOnlyMemory<byte>>? Pack(DataSplit data)
    {
        if (data is not { Training: ImageSet training, Test: ImageSet test }) return null;
        using MemoryStream head = new();
        using (BinaryWriter writer = new(head, Encoding.UTF8))
        {
            foreach (ImageSet set in (ImageSet[])[training, test])
            {
                writer.Write(set.Name);
                foreach (int number in (int[])[set.Shape.Height, set.Shape.Width, set.Shape.Channels, set.Classes, Array.IndexOf(_scales, set.Scale), set.Count]) writer.Write(number);
            }
        }

        return [head.ToArray(), training.Pixels, training.LabelBytes, test.Pixels, test.LabelBytes];
    }

    /// <summary>The images of a block, which stays where it is.</summary>
    public static DataSplit Unpack(ReadOnlyMemory<byte> block)
    {
        using MemoryStream head = new(block[..Math.Min(block.Length, MostHeadBytes)].ToArray());
        using BinaryReader reader = new(head, Encoding.UTF8);
        var described = new (string Name, ImageShape Shape, int Classes, PixelScale Scale, int Count)[Sets];
        for (int i = 0; i < Sets; i++)
        {
            string name = reader.ReadString();
            ImageShape shape = new(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32());
            described[i] = (name, shape, reader.ReadInt32(), _scales[reader.ReadInt32()], reader.ReadInt32());
        }

        int at = (int)head.Position;
        var sets = new ImageSet[Sets];
        for (int i = 0; i < Sets; i++)
        {
            (string name, ImageShape shape, int classes, PixelScale scale, int count) = described[i];
            int pixels = shape.Length * count;
            sets[i] = new ImageSet(name, shape, classes, scale, block.Slice(at, pixels), block.Slice(at + pixels, count));
            at += pixels + count;
        }

        return new DataSplit(sets[0], sets[1]);
    }

    // Two names of folders, which have at most 255 bytes, and a few numbers.
    private const int MostHeadBytes = 4096;
}
