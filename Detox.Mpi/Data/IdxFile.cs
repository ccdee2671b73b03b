using System.Buffers.Binary;
using System.IO.Compression;

namespace Detox.Mpi.Data;

/// <summary>Reads one IDX file of bytes, packed with gzip or not.</summary>
/// <remarks>Form: the magic number 0x0000'08'dd (08: unsigned bytes, dd: dimensions), each dimension as a big-endian
/// int32, then the bytes with the last dimension running fastest. Source: the format's description by LeCun, Cortes and
/// Burges at the MNIST database.</remarks>
internal static class IdxFile
{
    // Deflate cannot shrink below 1/1032, so a header that promises more than that is wrong before memory is asked for.
    private const long MostGzipRatio = 1032;

    /// <summary>The file's bytes and its dimensions; anything but a whole file of that form is an error.</summary>
    public static (int[] Dimensions, byte[] Bytes) Read(string path, int dimensions)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            bool packed = path.EndsWith(".gz", StringComparison.Ordinal);
            using Stream stream = packed ? new GZipStream(file, CompressionMode.Decompress) : file;
            return Read(path, stream, dimensions, packed ? file.Length * MostGzipRatio : file.Length - HeaderLength(dimensions));
        }
        catch (InvalidDataException error)
        {
            throw Wrong(path, $"expected a whole gzip file, found bytes that do not unpack ({error.Message.TrimEnd('.')})", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DetoxException(ExitCode.Usage, $"{path}: the file cannot be read: {error.Message}", error);
        }
    }

    private static (int[] Dimensions, byte[] Bytes) Read(string path, Stream stream, int dimensions, long mostBytes)
    {
        Span<byte> header = stackalloc byte[HeaderLength(dimensions)];
        int found = stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        if (found < header.Length) throw Wrong(path, $"expected a header of {header.Length} bytes, found {found} bytes in all");

        uint magic = BinaryPrimitives.ReadUInt32BigEndian(header), expected = 0x800u + (uint)dimensions;
        if (magic != expected) throw Wrong(path, $"expected the magic number 0x{expected:X8} ({dimensions} dimensions of bytes), found 0x{magic:X8}");

        var sizes = new int[dimensions];
        long length = 1;
        for (int i = 0; i < dimensions; i++)
        {
            sizes[i] = BinaryPrimitives.ReadInt32BigEndian(header[(4 + (4 * i))..]);
            if (sizes[i] <= 0) throw Wrong(path, $"expected positive dimensions, found {(uint)sizes[i]} as dimension {i + 1}");
            length = sizes[i] > Array.MaxLength / length ? long.MaxValue : length * sizes[i];
            if (length > Array.MaxLength) throw Wrong(path, $"expected at most {Array.MaxLength} bytes, found a header that promises more ({string.Join(" x ", sizes[..(i + 1)])} ...)");
        }
        string promise = $"expected {length} bytes after the header ({string.Join(" x ", sizes)})";
        long record = length / sizes[0];
        if (length > mostBytes) throw Wrong(path, $"{promise}, found at most {mostBytes}: the file is truncated in record {mostBytes / record}");

        var bytes = new byte[length];
        found = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (found < bytes.Length) throw Wrong(path, $"{promise}, found {found}: the file is truncated in record {found / record}");
        if (stream.ReadByte() >= 0) throw Wrong(path, $"{promise}, found more");
        return (sizes, bytes);
    }

    private static int HeaderLength(int dimensions) => 4 + (4 * dimensions);

    private static DetoxException Wrong(string path, string what, Exception? inner = null)
        => new(ExitCode.Usage, $"{path}: {what}. Fetch the file again, or check that it is an IDX file.", inner);
}
