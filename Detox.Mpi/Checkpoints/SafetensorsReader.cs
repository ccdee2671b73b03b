using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Detox.Mpi.Checkpoints;

/// <summary>Reads a safetensors file of float32 tensors, and believes nothing of it: anything but a whole file is an InvalidDataException that names the file, what was expected and what was found.</summary>
/// <remarks>For the form see <see cref="Safetensors"/>. Ranges must follow each other from the first byte behind the header to the file's last. No more memory is asked for than the file has bytes.</remarks>
internal sealed class SafetensorsReader
{
    // The reference implementation takes no longer ones.
    private const int MostHeaderBytes = 100_000_000;

    // An object of objects of arrays.
    private const int Depth = 3;

    private readonly Stream _stream;
    private readonly string _path;

    private SafetensorsReader(Stream stream, string path, IReadOnlyDictionary<string, string> metadata, IReadOnlyList<TensorShape> tensors)
        => (_stream, _path, Metadata, Tensors) = (stream, path, metadata, tensors);

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>In the order of their values.</summary>
    public IReadOnlyList<TensorShape> Tensors { get; }

    /// <summary>Reads the header.</summary>
    /// <param name="stream">The file from its first byte on; it knows its length.</param>
    /// <param name="path">For errors.</param>
    public static SafetensorsReader Open(Stream stream, string path)
    {
        Span<byte> prefix = stackalloc byte[sizeof(ulong)];
        long rest = stream.Length - prefix.Length;
        if (rest < 0) throw Wrong(path, $"a header's length in {prefix.Length} bytes", $"{stream.Length} bytes in all");
        stream.ReadExactly(prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        ulong most = (ulong)Math.Min(rest, MostHeaderBytes);
        if (length > most) throw Wrong(path, $"a header of at most {most} bytes", $"one of {length}");
        byte[] header = new byte[length];
        stream.ReadExactly(header);

        Dictionary<string, string> metadata = [];
        List<(TensorShape Tensor, long Begin, long End)> tensors = [];
        try
        {
            Parse(path, header, metadata, tensors);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Text that is not UTF-8 is an InvalidOperationException.
            throw Wrong(path, "a header in JSON", $"something else: {error.Message}", error);
        }

        tensors.Sort((one, other) => (one.Begin, one.End).CompareTo((other.Begin, other.End)));
        long place = 0;
        foreach ((TensorShape tensor, long begin, long end) in tensors)
        {
            if (begin != place) throw Wrong(path, $"the values of '{tensor.Name}' from byte {place} on, where those before them end", $"them from byte {begin} on");
            place = end;
        }

        if (place != rest - header.Length) throw Wrong(path, $"{place} bytes of values behind the header", $"{rest - header.Length}");
        return new SafetensorsReader(stream, path, metadata, [.. tensors.Select(entry => entry.Tensor)]);
    }

    /// <summary>Reads all values, once.</summary>
    /// <param name="take">Called with each tensor's number and values, in order. They lie in one array, used for all.</param>
    public void Read(Action<int, ReadOnlySpan<float>> take)
    {
        float[] values = new float[Tensors.Select(tensor => tensor.Length).DefaultIfEmpty().Max()];
        for (int i = 0; i < Tensors.Count; i++)
        {
            Span<float> own = values.AsSpan(0, Tensors[i].Length);
            _stream.ReadExactly(MemoryMarshal.AsBytes(own));
            take(i, own);
        }
    }

    /// <summary>An error about the file's contents.</summary>
    public InvalidDataException Wrong(string expected, string found) => Wrong(_path, expected, found);

    private static void Parse(string path, ReadOnlyMemory<byte> header, Dictionary<string, string> metadata, List<(TensorShape, long, long)> tensors)
    {
        ReadOnlyMemory<byte> text = header.TrimEnd(Safetensors.Padding);
        if (text.Length < 2 || text.Span[0] != '{' || text.Span[^1] != '}') throw Wrong(path, "a header from '{' to '}', and spaces behind it", "other bytes there");
        using JsonDocument json = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = Depth, AllowDuplicateProperties = false });
        foreach (JsonProperty property in json.RootElement.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.Object) throw Wrong(path, $"an object under '{property.Name}'", property.Value.GetRawText());
            if (property.Name == Safetensors.Metadata) ReadMetadata(path, property.Value, metadata);
            else tensors.Add(ReadTensor(path, property.Name, property.Value));
        }
    }

    private static void ReadMetadata(string path, JsonElement entries, Dictionary<string, string> metadata)
    {
        foreach (JsonProperty entry in entries.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.String) throw Wrong(path, $"a string under '{entry.Name}' of the metadata", entry.Value.GetRawText());
            metadata.Add(entry.Name, entry.Value.GetString()!);
        }
    }

    private static (TensorShape Tensor, long Begin, long End) ReadTensor(string path, string name, JsonElement entry)
    {
        if (!entry.TryGetProperty(Safetensors.Type, out JsonElement type)
            || !entry.TryGetProperty(Safetensors.Shape, out JsonElement shape)
            || !entry.TryGetProperty(Safetensors.Offsets, out JsonElement offsets)
            || entry.GetPropertyCount() != 3)
        {
            throw Wrong(path, $"{Safetensors.Type}, {Safetensors.Shape} and {Safetensors.Offsets} of '{name}'", entry.GetRawText());
        }

        if (type.ValueKind != JsonValueKind.String || type.GetString() != Safetensors.Float32) throw Wrong(path, $"values of '{name}' in {Safetensors.Float32}", type.GetRawText());
        long[] sides = Numbers(path, name, shape), range = Numbers(path, name, offsets);
        if (range.Length != 2 || range[1] < range[0]) throw Wrong(path, $"first byte and end of '{name}'", offsets.GetRawText());
        long length = 1;
        foreach (long side in sides)
        {
            if (side > Array.MaxLength / Math.Max(length, 1)) throw Wrong(path, $"at most {Array.MaxLength} values of '{name}'", $"the shape {shape.GetRawText()}");
            length *= side;
        }

        if (range[1] - range[0] != length * sizeof(float))
            throw Wrong(path, $"{length * sizeof(float)} bytes of '{name}', of the shape {shape.GetRawText()}", $"{range[1] - range[0]}, {offsets.GetRawText()}");
        return (new TensorShape(name, Array.ConvertAll(sides, side => (int)side)), range[0], range[1]);
    }

    private static long[] Numbers(string path, string name, JsonElement list)
    {
        if (list.ValueKind != JsonValueKind.Array) throw Wrong(path, $"a list of numbers of '{name}'", list.GetRawText());
        long[] numbers = new long[list.GetArrayLength()];
        int i = 0;
        foreach (JsonElement element in list.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out numbers[i++]) || numbers[i - 1] < 0)
                throw Wrong(path, $"whole numbers of '{name}', from 0 on", list.GetRawText());
        }

        return numbers;
    }

    private static InvalidDataException Wrong(string path, string expected, string found, Exception? inner = null)
        => new($"{path}: expected {expected}; found {found}.", inner);
}
