using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Detox.Mpi.Checkpoints;

/// <summary>Writes float32 tensors as a safetensors file: in the order in which they are given, the first value at a multiple of eight bytes.</summary>
/// <remarks>For the form see <see cref="Safetensors"/>.</remarks>
internal static class SafetensorsWriter
{
    private const int Alignment = 8;

    /// <param name="stream">Only written to, from front to back.</param>
    /// <param name="fill">Called with each tensor's number and room for its values, in order. The room is one array, used for all.</param>
    /// <exception cref="ArgumentException">Two tensors have one name, or one has that of the metadata.</exception>
    public static void Write(Stream stream, IReadOnlyList<TensorShape> tensors, IReadOnlyDictionary<string, string> metadata, Action<int, Span<float>> fill)
    {
        byte[] header = Header(tensors, metadata);
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        float[] values = new float[tensors.Select(tensor => tensor.Length).DefaultIfEmpty().Max()];
        for (int i = 0; i < tensors.Count; i++)
        {
            Span<float> own = values.AsSpan(0, tensors[i].Length);
            fill(i, own);
            stream.Write(MemoryMarshal.AsBytes(own));
        }
    }

    private static byte[] Header(IReadOnlyList<TensorShape> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        HashSet<string> names = [Safetensors.Metadata];
        using MemoryStream header = new();
        using (Utf8JsonWriter json = new(header, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteStartObject(Safetensors.Metadata);
            foreach ((string key, string text) in metadata) json.WriteString(key, text);
            json.WriteEndObject();
            long offset = 0;
            foreach (TensorShape tensor in tensors)
            {
                if (!names.Add(tensor.Name)) throw new ArgumentException($"The name '{tensor.Name}' is another's already.", nameof(tensors));
                json.WriteStartObject(tensor.Name);
                json.WriteString(Safetensors.Type, Safetensors.Float32);
                json.WriteStartArray(Safetensors.Shape);
                foreach (int side in tensor.Shape) json.WriteNumberValue(side);
                json.WriteEndArray();
                json.WriteStartArray(Safetensors.Offsets);
                json.WriteNumberValue(offset);
                offset += (long)tensor.Length * sizeof(float);
                json.WriteNumberValue(offset);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (header.Length % Alignment != 0) header.WriteByte(Safetensors.Padding);
        return header.ToArray();
    }
}
