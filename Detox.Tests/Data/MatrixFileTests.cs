using System.Buffers.Binary;
using System.Text;
using Detox.Mpi;
using Detox.Mpi.Data;
using NUnit.Framework;

namespace Detox.Tests.Data;

/// <summary>Vectors from files of other programs; the bytes of a .npy are written here as numpy's format says.</summary>
public sealed class MatrixFileTests
{
    private TempFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new TempFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [TestCase("1,2,3\n4,5,6\n")]
    [TestCase("1,2,3\r\n4,5,6")]
    [TestCase(" 1 ,+2e0,3.0\n0.4e1, 5,6\n")]
    public void RowsOfCsvAreVectors(string text) => Assert.That(Csv(text), Is.EqualTo(new float[][] { [1, 2, 3], [4, 5, 6] }));

    [Test]
    public void WhatIsNotFiniteIsReadAsOthersWriteIt()
        => Assert.That(Csv("nan,NaN,inf,-inf,Infinity,-Infinity,+inf\n")[0], Is.EqualTo(new[]
        {
            float.NaN, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.PositiveInfinity, float.NegativeInfinity, float.PositiveInfinity,
        }));

    [TestCase("1,2\n3\n", "line 2 has 1 number; expected 2, as many as line 1 has.")]
    [TestCase("1,2\n3,4\n5,6,7\n", "line 3 has 3 numbers; expected 2, as many as line 1 has.")]
    [TestCase("1,2\n3,x\n", "line 2, column 2: expected a number, found 'x'.")]
    [TestCase("a,b\n1,2\n", "line 1, column 1: expected a number, found 'a'.")]
    [TestCase("1,\n", "line 1, column 2: expected a number, found ''.")]
    [TestCase("1;2\n", "line 1, column 1: expected a number, found '1;2'.")]
    [TestCase("1e39,1\n", "line 1, column 1: 1e39 is beyond float32.")]
    [TestCase("", "there are no numbers; expected rows of them.")]
    public void WhatIsNoMatrixIsRefusedWithItsPlace(string text, string said) => Refuses(Write("m.csv", Encoding.UTF8.GetBytes(text)), said);

    [Test]
    public void AFileThatIsNotThereIsNamed() => Refuses(Path.Combine(_folder.Path, "none.csv"), "Could not find file");

    [TestCase("<f4")]
    [TestCase("<f8")]
    [TestCase(">f4")]
    [TestCase(">f8")]
    public void RowsOfNpyAreVectors(string type)
        => Assert.That(MatrixFile.Read(Write("m.npy", Npy(type, "(2, 3)", 1, 2, 3, 4, 5, 6))), Is.EqualTo(new float[][] { [1, 2, 3], [4, 5, 6] }));

    [Test]
    public void DoublesAreRounded()
        => Assert.That(MatrixFile.Read(Write("m.npy", Npy("<f8", "(1, 2)", 0.1, 1e-50))), Is.EqualTo(new float[][] { [0.1f, 0] }));

    [Test]
    public void AnotherNpyIsRefused()
    {
        Refuses(Write("i.npy", Npy("<i8", "(1, 2)", 1, 2)), "expected float32 or float64; found Int64");
        Refuses(Write("h.npy", Npy("<f4", "(2,)", 1, 2)), "expected two dimensions");
        Refuses(Write("t.npy", Npy("<f4", "(1, 1, 2)", 1, 2)), "expected two dimensions, rows of vectors; found 3 (1 x 1 x 2)");
        Refuses(Write("f.npy", Npy("<f4", "(2, 2)", isFortran: true, 1, 2, 3, 4)), "expected rows one after another (C order); found columns (Fortran order)");
        Refuses(Write("b.npy", Npy("<f8", "(1, 2)", 1, 1e300)), "row 0, column 1: 1E+300 is beyond float32");
        Refuses(Write("s.npy", Npy("<f8", "(2, 2)", 1, 2, 3)), "expected a .npy file");
        Refuses(Write("z.npy", Encoding.ASCII.GetBytes("1,2\n3,4\n")), "expected a .npy file");
    }

    [Test]
    public void WhatIsWrittenReadsBackToTheBit([Values(".csv", ".npy", ".txt")] string ending)
    {
        float[] vector = [0.1f, -0f, float.Epsilon, float.MaxValue, 1 / 3f, 16777217, float.NaN, float.NegativeInfinity, 1e-20f];
        string path = Path.Combine(_folder.Path, "v" + ending);
        MatrixFile.Write(path, vector);
        float[] back = ending == ".npy"
            ? [.. Enumerable.Range(0, vector.Length).Select(i => BinaryPrimitives.ReadSingleLittleEndian(File.ReadAllBytes(path).AsSpan()[^(4 * (vector.Length - i))..]))]
            : [.. MatrixFile.Read(Write("back.csv", File.ReadAllBytes(path))).Select(row => row[0])];
        Comparisons.BitEqual(Array.ConvertAll(vector, Canonical), Array.ConvertAll(back, Canonical), ending);
    }

    private static float Canonical(float value) => float.IsNaN(value) ? float.NaN : value;

    private static byte[] Npy(string type, string shape, params double[] values) => Npy(type, shape, isFortran: false, values);

    private static byte[] Npy(string type, string shape, bool isFortran, params double[] values)
    {
        string header = $"{{'descr': '{type}', 'fortran_order': {(isFortran ? "True" : "False")}, 'shape': {shape}, }}";
        header = header.PadRight(((10 + header.Length + 1 + 63) / 64 * 64) - 11) + "\n";
        using MemoryStream file = new();
        file.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.ASCII.GetBytes(header)]);
        byte[] bytes = new byte[8];
        foreach (double value in values)
        {
            switch (type)
            {
                case "<f4": BinaryPrimitives.WriteSingleLittleEndian(bytes, (float)value); break;
                case ">f4": BinaryPrimitives.WriteSingleBigEndian(bytes, (float)value); break;
                case "<f8": BinaryPrimitives.WriteDoubleLittleEndian(bytes, value); break;
                case ">f8": BinaryPrimitives.WriteDoubleBigEndian(bytes, value); break;
                default: BinaryPrimitives.WriteInt64LittleEndian(bytes, (long)value); break;
            }

            file.Write(bytes.AsSpan(0, type[^1] - '0'));
        }

        return file.ToArray();
    }

    private static void Refuses(string path, string said)
    {
        DetoxException error = Assert.Throws<DetoxException>(() => MatrixFile.Read(path))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.Usage));
        Assert.That(error.Message, Does.StartWith(path + ": ").And.Contain(said));
    }

    private float[][] Csv(string text) => MatrixFile.Read(Write("m.csv", Encoding.UTF8.GetBytes(text)));

    private string Write(string name, byte[] bytes) => _folder.Write(name, bytes);
}
