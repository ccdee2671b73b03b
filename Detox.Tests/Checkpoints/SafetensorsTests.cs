using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Detox.Gpu;
using Detox.Mpi.Checkpoints;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Checkpoints;

/// <summary>The format, and that no bytes do more than be refused.</summary>
public sealed class SafetensorsTests
{
    private const string Path = "some/weights.safetensors";

    private static readonly TensorShape[] _tensors = [new("a.weight", [2, 3]), new("a.bias", [3]), new("é \"scale\"", []), new("none", [0, 4])];
    private static readonly Dictionary<string, string> _metadata = new() { ["format"] = "pt", ["model"] = "any" };

    [Test]
    public void AFileIsTheseBytes()
    {
        using MemoryStream file = new();
        SafetensorsWriter.Write(file, [new("b", [2]), new("a", [1, 1])], new Dictionary<string, string> { ["k"] = "v" }, (i, values) => values.Fill(i == 0 ? 1 : -2));
        const string header = """{"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[1,1],"data_offsets":[8,12]}}""";
        byte[] bytes = file.ToArray();
        int length = (header.Length + 7) / 8 * 8;
        Assert.That(BinaryPrimitives.ReadUInt64LittleEndian(bytes), Is.EqualTo(length));
        Assert.That(Encoding.UTF8.GetString(bytes.AsSpan(8, length)), Is.EqualTo(header.PadRight(length)));
        Assert.That(bytes[(8 + length)..], Is.EqualTo((byte[])[0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]));
    }

    [Test]
    public void ValuesBeginAtAMultipleOfEight([Range(0, 9)] int letters)
    {
        using MemoryStream file = new();
        SafetensorsWriter.Write(file, [new(new string('x', letters), [3])], _metadata, (_, _) => { });
        Assert.That((file.Length - (3 * sizeof(float))) % 8, Is.Zero);
    }

    [Test]
    public void WhatWasWrittenIsRead()
    {
        float[][] expected = Values(_tensors);
        (SafetensorsReader reader, float[][] found) = Read(Written());
        Assert.That(reader.Metadata, Is.EquivalentTo(_metadata));
        Assert.That(Text(reader), Is.EqualTo(string.Join(' ', _tensors.Select(tensor => $"{tensor}"))));
        for (int i = 0; i < expected.Length; i++) BitEqual(expected[i], found[i], _tensors[i].Name);
    }

    [Test]
    public void AFileWithoutTensorsIsOne() => Assert.That(Read(File("{}")).Reader.Tensors, Is.Empty);

    /// <summary>The header's order is not the values' in other programs' files, and they may put spaces into it.</summary>
    [Test]
    public void TensorsComeInTheOrderOfTheirValues()
    {
        (SafetensorsReader reader, float[][] found) = Read(File("""{"b": {"data_offsets": [4, 8], "shape": [1], "dtype": "F32"}, "a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", 5, 6));
        Assert.That(Text(reader), Is.EqualTo("a [] b [1]"));
        Assert.That(found, Is.EqualTo((float[][])[[5], [6]]));
        Assert.That(reader.Metadata, Is.Empty);
    }

    [TestCase("a")]
    [TestCase("__metadata__")]
    public void TwoOfOneNameAreNotWritten(string name)
        => Assert.That(() => SafetensorsWriter.Write(Stream.Null, [new("a", [1]), new(name, [1])], _metadata, (_, _) => { }), Throws.ArgumentException.With.Message.Contains(name));

    private static IEnumerable<TestCaseData> Refused()
    {
        const string A = "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";
        TestCaseData Case(string name, string header, int values, params string[] said) => new TestCaseData(header, values, said).SetArgDisplayNames(name);
        yield return Case("too few values", $"{{{A}}}", 1, "expected 8 bytes", "found 4");
        yield return Case("trailing bytes", $"{{{A}}}", 3, "expected 8 bytes", "found 12");
        yield return Case("a gap", "{" + A + ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}", 4, "'b'", "from byte 8 on", "byte 12");
        yield return Case("an overlap", "{" + A + ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 2, "'b'", "from byte 8 on", "byte 4");
        yield return Case("no beginning", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 2, "from byte 0 on", "byte 4");
        yield return Case("another type", """{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}""", 1, "F32", "F16");
        yield return Case("a type that is no text", """{"a":{"dtype":32,"shape":[1],"data_offsets":[0,4]}}""", 1, "F32", "32");
        yield return Case("a shape of another length", """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 2, "12 bytes of 'a'", "[3]", "found 8");
        yield return Case("a range backwards", """{"a":{"dtype":"F32","shape":[0],"data_offsets":[8,4]}}""", 2, "[8,4]");
        yield return Case("three offsets", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}""", 1, "[0,4,4]");
        yield return Case("a negative side", """{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}""", 2, "'a'", "[-1,-2]");
        yield return Case("a broken side", """{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 1, "[1.5]");
        yield return Case("a side in words", """{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}""", 1, "'a'");
        yield return Case("sides beyond any array", """{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "'a'", "4294967296");
        yield return Case("no list", """{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}""", 1, "'a'");
        yield return Case("something missing", """{"a":{"dtype":"F32","shape":[1]}}""", 1, "data_offsets");
        yield return Case("something more", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}""", 1, "data_offsets", "\"x\"");
        yield return Case("no object", """{"a":[]}""", 0, "'a'", "[]");
        yield return Case("two of one name", $"{{{A},{A}}}", 2, "'a'");
        yield return Case("two of one name, written otherwise", $"{{{A},{A.Replace("\"a\"", "\"\\u0061\"")}}}", 2, "'a'");
        yield return Case("metadata twice", """{"__metadata__":{},"__metadata__":{}}""", 0, "__metadata__");
        yield return Case("a key of the metadata twice", """{"__metadata__":{"k":"1","k":"2"}}""", 0, "'k'");
        yield return Case("metadata that are no text", """{"__metadata__":{"k":1}}""", 0, "'k'", "found 1");
        yield return Case("metadata that are none", """{"__metadata__":"x"}""", 0, "__metadata__");
        yield return Case("a list", "[]", 0, "'{'");
        yield return Case("a space first", " {}", 0, "'{'");
        yield return Case("a tab last", "{}\t", 0, "'}'");
        yield return Case("nothing", "", 0, "'{'");
        yield return Case("spaces", "      ", 0, "'{'");
        yield return Case("a comma too much", $"{{{A},}}", 2, "JSON");
        yield return Case("half a surrogate", """{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 1, "JSON");
        yield return Case("depths", $"{{\"a\":{new string('[', 5000)}{new string(']', 5000)}}}", 0, "JSON");
    }

    [TestCaseSource(nameof(Refused))]
    public void WhatIsNoWholeFileIsRefused(string header, int values, string[] said)
        => Refuses(File(header, [.. Enumerable.Range(0, values).Select(i => (float)i)]), said);

    [Test]
    public void AHeaderLongerThanTheFileIsRefusedBeforeMemoryIsTaken()
    {
        byte[] file = Written();
        foreach (ulong length in (ulong[])[(ulong)file.Length - 7, 99_999_999, 1ul << 31, 1ul << 63, ulong.MaxValue])
        {
            BinaryPrimitives.WriteUInt64LittleEndian(file, length);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Refuses(file, $"at most {file.Length - 8}", $"{length}");
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(100_000));
        }
    }

    [Test]
    public void EveryCutFileIsRefused()
    {
        byte[] file = Written();
        for (int length = 0; length < file.Length; length++) Refuses(file[..length]);
        Refuses([.. file, 0]);
    }

    [Test]
    public void TextThatIsNotUtf8IsRefused()
    {
        byte[] file = File("""{"__metadata__":{"k":"v"}}""");
        foreach (char of in "kv") Refuses([.. file.Select(b => b == of ? (byte)0xff : b)], "JSON");
    }

    /// <summary>Every other value of every byte: a float that is another, a text that is another, or a refusal.</summary>
    [Test]
    public void AChangedByteIsSeenOrRefused()
    {
        byte[] file = Written();
        (SafetensorsReader right, float[][] values) = Read(file);
        string structure = Text(right) + string.Join(' ', right.Metadata);
        int refused = 0;
        for (int place = 0; place < file.Length; place++)
        {
            byte old = file[place];
            for (int change = 1; change < 256; change++)
            {
                file[place] = (byte)(old ^ change);
                if (TryRead(file) is not var (reader, found))
                {
                    refused++;
                    continue;
                }

                int texts = Text(reader) + string.Join(' ', reader.Metadata) == structure ? 0 : 1;
                int floats = values.Zip(found, (one, other) => one.Zip(other).Count(pair => BitConverter.SingleToInt32Bits(pair.First) != BitConverter.SingleToInt32Bits(pair.Second))).Sum();
                if (texts + floats != 1) Assert.Fail($"byte {place}, {old:x2} as {file[place]:x2}: {floats} floats and {texts} texts differ");
            }

            file[place] = old;
        }

        Assert.That(refused, Is.InRange(1, 255 * (file.Length - values.Sum(tensor => tensor.Length * sizeof(float)))));
    }

    /// <summary>A header with bytes drawn, taken out, repeated and exchanged, whose length is told rightly or not: read or refused, and nothing else.</summary>
    [Test]
    public void NoHeaderDoesMoreThanBeRefused([Range(1, 8)] int seed)
    {
        const string marks = "{}[]\":,0123456789-eE. \\u";
        byte[] file = Written();
        int end = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(file), read = 0;
        SeededRandom random = new((ulong)seed);
        for (int attempt = 0; attempt < 4000; attempt++)
        {
            List<byte> header = [.. file[8..end]];
            for (int change = random.NextInt(4); change >= 0; change--)
            {
                int place = random.NextInt(header.Count), count = Math.Min(random.NextInt(20), header.Count - place - 1);
                switch (random.NextInt(4))
                {
                    case 0:
                        header[place] = (byte)random.NextInt(256);
                        break;
                    case 1:
                        header.RemoveRange(place, count);
                        break;
                    case 2:
                        header.InsertRange(place, header.GetRange(random.NextInt(header.Count - count), count));
                        break;
                    default:
                        header[place] = (byte)marks[random.NextInt(marks.Length)];
                        break;
                }
            }

            byte[] length = BitConverter.GetBytes((ulong)header.Count + (random.NextInt(4) == 0 ? random.NextBits() >> random.NextInt(64) : 0));
            if (TryRead([.. length, .. header, .. file[end..]]) is not null) read++;
        }

        Assert.That(read, Is.InRange(1, 3999));
    }

    private static string Text(SafetensorsReader reader) => string.Join(' ', reader.Tensors);

    private static float[][] Values(TensorShape[] tensors)
        => [.. tensors.Select((tensor, i) => Enumerable.Range(0, tensor.Length).Select(j => BitConverter.UInt32BitsToSingle((uint)((i * 10) + j + 1) * 2654435761)).ToArray())];

    private static byte[] Written()
    {
        using MemoryStream file = new();
        float[][] values = Values(_tensors);
        SafetensorsWriter.Write(file, _tensors, _metadata, (i, room) => values[i].CopyTo(room));
        return file.ToArray();
    }

    private static byte[] File(string header, params float[] values)
    {
        byte[] text = Encoding.UTF8.GetBytes(header), length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, text.Length);
        return [.. length, .. text, .. values.SelectMany(BitConverter.GetBytes)];
    }

    private static (SafetensorsReader Reader, float[][] Values) Read(byte[] file)
    {
        using MemoryStream stream = new(file);
        SafetensorsReader reader = SafetensorsReader.Open(stream, Path);
        List<float[]> values = [];
        reader.Read((i, read) => values.Add(read.ToArray()));
        Assert.That(stream.Position, Is.EqualTo(file.Length));
        return (reader, [.. values]);
    }

    /// <summary>Null where the file is refused.</summary>
    private static (SafetensorsReader Reader, float[][] Values)? TryRead(byte[] file)
    {
        try
        {
            return Read(file);
        }
        catch (InvalidDataException error)
        {
            Assert.That(error.Message, Does.StartWith($"{Path}: expected "));
            return null;
        }
    }

    private static void Refuses(byte[] file, params string[] said)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Read(file))!;
        Assert.That(error.Message, Does.StartWith($"{Path}: expected ").And.Contain("; found "));
        foreach (string words in said) Assert.That(error.Message, Does.Contain(words));
    }
}
