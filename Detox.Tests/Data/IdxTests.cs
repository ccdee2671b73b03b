using System.IO.Compression;
using Detox.Gpu.Devices.Cpu;
using Detox.Mpi;
using Detox.Mpi.Data;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Data;

[TestFixture]
internal sealed class IdxTests
{
    private const string Images = "train-images-idx3-ubyte", Labels = "train-labels-idx1-ubyte";

    [Test]
    public void ReadsBothPartsPackedOrNot([Values("", ".gz")] string ending, [Values('-', '.')] char separator)
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 12, ending: ending, separator: separator);
        folder.WriteIdx("t10k", 3, ending: ending, separator: separator);
        DataSplit split = folder.Open();
        Assert.Multiple(() =>
        {
            Assert.That(split.Training.Count, Is.EqualTo(12));
            Assert.That(split.Test.Count, Is.EqualTo(3));
            Assert.That(split.Training.Shape, Is.EqualTo(new ImageShape(2, 2, 1)));
            Assert.That(split.Training.Classes, Is.EqualTo(10));
        });
        var pixels = new float[4];
        Assert.That(split.Training.Read(11, pixels), Is.EqualTo(1));
        for (int i = 0; i < 4; i++) Assert.That(pixels[i], Is.EqualTo((((11 + i) / 255f) - 0.1307f) / 0.3081f));
    }

    [Test]
    public void OnePairHoldsOutItsLastFifth([Values("train", "t10k")] string prefix)
    {
        using var folder = new TempFolder();
        folder.WriteIdx(prefix, 13);
        DataSplit split = folder.Open();
        Assert.That((split.Training.Count, split.Test.Count), Is.EqualTo((11, 2)));
        var pixels = new float[4];
        Assert.That(split.Training.Read(10, pixels), Is.EqualTo(0));
        Assert.That(split.Test.Read(0, pixels), Is.EqualTo(1));
        Assert.That(pixels[0], Is.EqualTo(((11 / 255f) - 0.1307f) / 0.3081f));
        Assert.Throws<IndexOutOfRangeException>(() => split.Training.Read(11, new float[4]));
    }

    [Test]
    public void TooFewToHoldOut()
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 4);
        folder.Refuses(folder.Path, "at least 5", "found 4");
    }

    [Test]
    public void MissingTwin()
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 5);
        File.Delete(Path.Combine(folder.Path, Labels));
        folder.Refuses(Labels, "beside " + Images, "found none");
    }

    [TestCase(0, "header of 16 bytes", "found 0 bytes")]
    [TestCase(15, "header of 16 bytes", "found 15 bytes")]
    [TestCase(16, "20 bytes after the header (5 x 2 x 2)", "found at most 0: the file is truncated in record 0")]
    [TestCase(35, "20 bytes after the header (5 x 2 x 2)", "found at most 19: the file is truncated in record 4")]
    public void TruncatedImages(int length, string expected, string found)
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 5);
        string path = Path.Combine(folder.Path, Images);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..length]);
        folder.Refuses(path, expected, found);
    }

    [Test]
    public void TruncatedInsideGzip()
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 5);
        byte[] bytes = File.ReadAllBytes(Path.Combine(folder.Path, Images));
        File.Delete(Path.Combine(folder.Path, Images));
        string path = folder.Write(Images + ".gz", bytes[..^1]);
        folder.Refuses(path, "expected 20 bytes", "found 19", "truncated in record 4");
    }

    [Test]
    public void TruncatedGzipItself()
    {
        using var folder = new TempFolder();
        var random = new byte[5 * 100];
        new Random(1).NextBytes(random);
        folder.Write(Labels, TempFolder.Idx([5], new byte[5]));
        string path = folder.Write(Images + ".gz", TempFolder.Idx([5, 10, 10], random));
        byte[] whole = File.ReadAllBytes(path);
        File.WriteAllBytes(path, whole[..(whole.Length / 2)]);
        folder.Refuses(path, "expected");
    }

    [Test]
    public void GarbageInsteadOfGzip()
    {
        using var folder = new TempFolder();
        folder.Write(Labels, TempFolder.Idx([5], new byte[5]));
        string path = Path.Combine(folder.Path, Images + ".gz");
        File.WriteAllBytes(path, [.. Enumerable.Range(0, 100).Select(i => (byte)i)]);
        folder.Refuses(path, "expected a whole gzip file");
    }

    [Test]
    public void DamagedGzip()
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 100, ending: ".gz");
        string path = Path.Combine(folder.Path, Images + ".gz");
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^6] ^= 0x55; // in the checksum
        File.WriteAllBytes(path, bytes);
        folder.Refuses(path, "expected a whole gzip file");
    }

    [Test]
    public void TrailingBytes([Values("", ".gz")] string ending)
    {
        using var folder = new TempFolder();
        folder.Write(Labels, TempFolder.Idx([5], new byte[5]));
        string path = folder.Write(Images + ending, TempFolder.Idx([5, 1, 1], new byte[6]));
        folder.Refuses(path, "expected 5 bytes", "found more");
    }

    [Test]
    public void LabelsInPlaceOfImages()
    {
        using var folder = new TempFolder();
        folder.Write(Labels, TempFolder.Idx([5], new byte[5]));
        string path = folder.Write(Images, TempFolder.Idx([20], new byte[20]));
        folder.Refuses(path, "0x00000803", "0x00000801");
    }

    [TestCase(0, 2, 2, "positive dimensions")]
    [TestCase(5, -1, 2, "positive dimensions")]
    [TestCase(int.MaxValue, int.MaxValue, int.MaxValue, "promises more")]
    [TestCase(1000, 1000, 1000, "truncated")]
    public void AbsurdDimensions(int count, int height, int width, string said)
    {
        foreach (string ending in (string[])["", ".gz"])
        {
            using var folder = new TempFolder();
            folder.Write(Labels, TempFolder.Idx([5], new byte[5]));
            folder.Refuses(folder.Write(Images + ending, TempFolder.Idx([count, height, width], new byte[20])), said);
        }
    }

    [Test]
    public void CountsThatDiffer()
    {
        using var folder = new TempFolder();
        folder.Write(Images, TempFolder.Idx([5, 1, 1], new byte[5]));
        folder.Refuses(folder.Write(Labels, TempFolder.Idx([6], new byte[6])), "expected 5 labels", Images, "found 6");
    }

    [Test]
    public void LabelOutOfRange()
    {
        using var folder = new TempFolder();
        folder.Write(Images, TempFolder.Idx([5, 1, 1], new byte[5]));
        folder.Refuses(folder.Write(Labels, TempFolder.Idx([5], [0, 9, 1, 10, 255])), "0 to 9", "found 10", "image 3");
    }

    [Test]
    public void ClassesThatDifferBetweenParts()
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 7);
        folder.WriteIdx("t10k", 9);
        folder.Refuses("t10k-labels-idx1-ubyte", "found class 7", "image 7", "no training image");
    }

    [Test]
    public void ClassesThatOnlyTrainingImagesHaveAreNoMatter()
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 10);
        folder.WriteIdx("t10k", 2);
        Assert.That(folder.Open().Test.Count, Is.EqualTo(2));
    }

    [Test]
    public void SizesThatDifferBetweenParts()
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 5, side: 2);
        folder.WriteIdx("t10k", 5, side: 3);
        folder.Refuses("2 x 2 and 3 x 3");
    }

    [Test]
    public void ImagesThatTheModelCannotTakeNameModelAndData()
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 5);
        using CpuDevice device = new(1);
        TrainOptions options = new() { Model = "lenet", Data = folder.Path };
        DetoxException error = Assert.Throws<DetoxException>(() => TrainRun.CreateNetwork(options, device, folder.Open()))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.Usage));
        Assert.That(error.Message, Does.Contain($"--model lenet on --data {folder.Path}").And.Contain("at least 5 x 5").And.Contain("2 x 2"));
    }

    [Test]
    public void RoomOfAnotherSizeIsRefused()
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 5);
        Dataset training = folder.Open().Training;
        Assert.Throws<ArgumentException>(() => training.Read(0, new float[3]));
        Assert.Throws<ArgumentException>(() => training.Read(0, new float[5]));
    }

    [Test]
    public void RealMnist()
    {
        DataSplit split = DataSource.Open(RealData.Folder("DETOX_TEST_MNIST"), 1);
        Assert.That(split.Training.Shape, Is.EqualTo(new ImageShape(28, 28, 1)));
        (double mean, double deviation, int[] perClass) = RealData.Moments(split.Training);
        // MNIST's test images are a little brighter than the training images, whose moments the scale is from.
        Assert.Multiple(() =>
        {
            Assert.That(mean, Is.EqualTo(0).Within(0.03));
            Assert.That(deviation, Is.EqualTo(1).Within(0.03));
            Assert.That(perClass.Min() / (double)split.Training.Count, Is.GreaterThan(0.08));
            Assert.That(split.Test.Count, Is.GreaterThanOrEqualTo(2000));
        });
    }
}
