using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Detox.Mpi.Checkpoints;

/// <summary>The files of a folder with their sizes and digests: manifest.json, by which a change of any byte is noticed.</summary>
/// <remarks>A file has one way to be written: other bytes that say the same are a change as well.</remarks>
internal static class Manifest
{
    public const string FileName = "manifest.json";

    private static readonly JsonWriterOptions _indented = new() { Indented = true, NewLine = "\n" };

    /// <summary>manifest.json of files that lie in a folder.</summary>
    public static byte[] Of(string folder, IEnumerable<string> files) => Write(files.Select(name => Measure(folder, name)));

    /// <summary>Null where every file is as the manifest says, and no other is there; else what is wrong, a sentence that names the file.</summary>
    /// <param name="mayBeThere">Files besides those that the manifest speaks of.</param>
    public static string? Problem(string folder, Func<string, bool>? mayBeThere = null)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return $"{path} is missing";
        byte[] bytes = File.ReadAllBytes(path);
        if (Read(bytes) is not { } entries) return $"{path} is damaged";
        foreach (Entry said in entries)
        {
            string file = Path.Combine(folder, said.Name);
            if (!File.Exists(file)) return $"{file} is missing, of which {path} speaks";
            Entry found = Measure(folder, said.Name);
            if (found.Bytes != said.Bytes) return $"{file} has {found.Bytes} bytes, and {said.Bytes} by {path}";
            if (found.Sha256 != said.Sha256) return $"{file} has the SHA-256 {found.Sha256}, and {said.Sha256} by {path}";
        }

        foreach (string file in Directory.EnumerateFileSystemEntries(folder))
        {
            string name = Path.GetFileName(file);
            if (name != FileName && !entries.Exists(said => said.Name == name) && mayBeThere?.Invoke(name) != true) return $"{file} is there, of which {path} does not speak";
        }

        return null;
    }

    private static Entry Measure(string folder, string name)
    {
        using FileStream file = File.OpenRead(Path.Combine(folder, name));
        return new Entry(name, file.Length, Convert.ToHexStringLower(SHA256.HashData(file)));
    }

    private static byte[] Write(IEnumerable<Entry> entries)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, _indented))
        {
            json.WriteStartObject();
            foreach (Entry entry in entries)
            {
                json.WriteStartObject(entry.Name);
                json.WriteNumber("bytes", entry.Bytes);
                json.WriteString("sha256", entry.Sha256);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        stream.Write("\n"u8);
        return stream.ToArray();
    }

    /// <summary>Null where the bytes are not what <see cref="Write"/> makes of any entries.</summary>
    private static List<Entry>? Read(byte[] bytes)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            List<Entry> entries = [.. document.RootElement.EnumerateObject().Select(file => new Entry(
                file.Name, file.Value.GetProperty("bytes").GetInt64(), file.Value.GetProperty("sha256").GetString() ?? ""))];
            bool isPlain = entries.TrueForAll(entry => entry.Name.Length > 0 && entry.Name == Path.GetFileName(entry.Name) && entry.Name is not ("." or ".."));
            return isPlain && Write(entries).AsSpan().SequenceEqual(bytes) ? entries : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or DecoderFallbackException)
        {
            return null;
        }
    }

    private readonly record struct Entry(string Name, long Bytes, string Sha256);
}
