using System.Buffers.Binary;
using System.IO.Compression;
using Detox.Mpi;
using Detox.Mpi.Data;
using NUnit.Framework;

namespace Detox.Tests.Data;

/// <summary>A folder of small data files that goes when the test ends.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("detox-data-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);

    public string Write(string name, byte[] bytes)
    {
        string path = System.IO.Path.Combine(Path, name);
        if (name.EndsWith(".gz", StringComparison.Ordinal))
        {
            using var gzip = new GZipStream(File.Create(path), CompressionLevel.Fastest);
            gzip.Write(bytes);
        }
        else
        {
            File.WriteAllBytes(path, bytes);
        }
        return path;
    }

    public static byte[] Idx(int[] dimensions, byte[] body)
    {
        var bytes = new byte[4 + (4 * dimensions.Length) + body.Length];
        bytes[2] = 8;
        bytes[3] = (byte)dimensions.Length;
        for (int i = 0; i < dimensions.Length; i++) BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 + (4 * i)), dimensions[i]);
        body.CopyTo(bytes.AsSpan(4 + (4 * dimensions.Length)));
        return bytes;
    }

    /// <summary>Image i has the bytes i, i+1, ... and the label i mod 10.</summary>
    public void WriteIdx(string prefix, int count, int side = 2, string ending = "", char separator = '-')
    {
        byte[] images = [.. Enumerable.Range(0, count * side * side).Select(k => (byte)((k / (side * side)) + (k % (side * side))))];
        Write($"{prefix}-images{separator}idx3-ubyte{ending}", Idx([count, side, side], images));
        Write($"{prefix}-labels{separator}idx1-ubyte{ending}", Idx([count], [.. Enumerable.Range(0, count).Select(i => (byte)(i % 10))]));
    }

    public DataSplit Open() => DataSource.Open(Path, 1);

    /// <summary>Opening must fail as a person can mend it, and the message must say all of this.</summary>
    public void Refuses(params string[] said) => Refuses(Path, said);

    public static void Refuses(string data, params string[] said)
    {
        DetoxException error = Assert.Throws<DetoxException>(() => DataSource.Open(data, 1))!;
        Assert.Multiple(() =>
        {
            Assert.That(error.Code, Is.EqualTo(ExitCode.Usage));
            foreach (string words in said) Assert.That(error.Message, Does.Contain(words));
        });
    }
}
