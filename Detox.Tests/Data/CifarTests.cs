using Detox.Mpi.Data;
using NUnit.Framework;

namespace Detox.Tests.Data;

[TestFixture]
internal sealed class CifarTests
{
    /// <summary>Record i: its labels, then red i, green i+1, blue i+2, but for the second pixel, which is 100, 101, 102.</summary>
    private static byte[] Records(int count, int first, Func<int, byte[]> labels)
    {
        var bytes = new List<byte>();
        for (int i = first; i < first + count; i++)
        {
            bytes.AddRange(labels(i));
            for (int c = 0; c < 3; c++)
            {
                for (int k = 0; k < 1024; k++) bytes.Add((byte)(k == 1 ? 100 + c : i + c));
            }
        }
        return [.. bytes];
    }

    private static byte[] Ten(int count, int first = 0) => Records(count, first, i => [(byte)(i % 10)]);

    [Test]
    public void ReadsAnyNumberOfFilesInOrder()
    {
        using var folder = new TempFolder();
        folder.Write("data_batch_10.bin", Ten(1, 5));
        folder.Write("data_batch_2.bin", Ten(2, 3));
        folder.Write("data_batch_1.bin", Ten(3));
        folder.Write("test_batch.bin", Ten(2));
        folder.Write("batches.meta.txt", [65]);
        DataSplit split = folder.Open();
        Assert.Multiple(() =>
        {
            Assert.That((split.Training.Count, split.Test.Count, split.Training.Classes), Is.EqualTo((6, 2, 10)));
            Assert.That(split.Training.Shape, Is.EqualTo(new ImageShape(32, 32, 3)));
        });
        var pixels = new float[3072];
        for (int i = 0; i < 6; i++) Assert.That(split.Training.Read(i, pixels), Is.EqualTo(i));
        float[] expected = [Scaled(5, 0), Scaled(6, 1), Scaled(7, 2), Scaled(100, 0), Scaled(101, 1), Scaled(102, 2), Scaled(5, 0)];
        Assert.That(pixels[..7], Is.EqualTo(expected));

        static float Scaled(int x, int c) => ((x / 255f) - ((float[])[0.4914f, 0.4822f, 0.4465f])[c]) / ((float[])[0.2470f, 0.2435f, 0.2616f])[c];
    }

    [Test]
    public void HundredClassesLearnTheFineLabel()
    {
        using var folder = new TempFolder();
        folder.Write("train.bin", Records(5, 0, i => [(byte)(19 - i), (byte)(95 + i)]));
        folder.Write("test.bin", Records(1, 0, _ => [0, 42]));
        DataSplit split = folder.Open();
        var pixels = new float[3072];
        Assert.That(split.Training.Classes, Is.EqualTo(100));
        Assert.That(split.Training.Read(4, pixels), Is.EqualTo(99));
        Assert.That(split.Test.Read(0, pixels), Is.EqualTo(42));
        Assert.That(pixels[2], Is.EqualTo(((2 / 255f) - 0.4409f) / 0.2762f));
    }

    [Test]
    public void OnePartHoldsOutItsLastFifth([Values("data_batch_1.bin", "test_batch.bin")] string file)
    {
        using var folder = new TempFolder();
        folder.Write(file, Ten(10));
        DataSplit split = folder.Open();
        Assert.That((split.Training.Count, split.Test.Count), Is.EqualTo((8, 2)));
        Assert.That(split.Test.Read(0, new float[3072]), Is.EqualTo(8));
    }

    [TestCase(1, 0)]
    [TestCase(3072, 0)]
    [TestCase(3074, 1)]
    [TestCase((3 * 3073) - 1, 2)]
    public void HalfWrittenRecord(int length, int record)
    {
        using var folder = new TempFolder();
        folder.Write("data_batch_1.bin", Ten(5));
        string path = folder.Write("data_batch_2.bin", Ten(3)[..length]);
        folder.Refuses(path, $"record {record}:", "expected 3073 bytes", $"found {length % 3073}");
    }

    [Test]
    public void EmptyFile()
    {
        using var folder = new TempFolder();
        folder.Refuses(folder.Write("test_batch.bin", []), "found an empty file");
    }

    [Test]
    public void LabelOutOfRange()
    {
        using var folder = new TempFolder();
        folder.Refuses(folder.Write("data_batch_1.bin", Records(12, 0, i => [(byte)i])), "record 10:", "label from 0 to 9", "found 10");
    }

    [TestCase(20, 0, "coarse label from 0 to 19, found 20")]
    [TestCase(0, 100, "fine label from 0 to 99, found 100")]
    public void LabelOutOfRangeOfHundred(byte coarse, byte fine, string said)
    {
        using var folder = new TempFolder();
        folder.Refuses(folder.Write("train.bin", Records(2, 0, i => i == 0 ? [1, 1] : [coarse, fine])), "record 1:", said);
    }

    [Test]
    public void BothSetsInOneFolder()
    {
        using var folder = new TempFolder();
        folder.Write("test_batch.bin", Ten(5));
        folder.Write("train.bin", new byte[3074]);
        folder.Refuses("found both");
    }

    [Test]
    public void RealCifar10()
    {
        DataSplit split = DataSource.Open(RealData.Folder("DETOX_TEST_CIFAR10"), 1);
        (double mean, double deviation, int[] perClass) = RealData.Moments(split.Test);
        Assert.Multiple(() =>
        {
            Assert.That(mean, Is.EqualTo(0).Within(0.1));
            Assert.That(deviation, Is.EqualTo(1).Within(0.1));
            Assert.That(perClass.Min(), Is.GreaterThan(0));
            Assert.That(split.Training.Shape, Is.EqualTo(new ImageShape(32, 32, 3)));
        });
    }
}
