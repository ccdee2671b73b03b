using Detox.Mpi.Data;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Data;

[TestFixture]
internal sealed class AugmentationTests
{
    private static readonly ImageShape _shape = new(5, 7, 2);

    /// <summary>Every window, flipped or not, against the image padded as numpy.pad(mode="reflect") does, then sliced, then turned.</summary>
    [Test]
    public void EveryWindowIsThePaddedImages()
    {
        float[] image = Image(_shape), varied = new float[_shape.Length];
        float[,,] padded = Pad(image);
        for (int down = -4; down <= 4; down++)
        {
            for (int right = -4; right <= 4; right++)
            {
                foreach (bool isFlipped in (bool[])[false, true])
                {
                    var expected = new float[_shape.Length];
                    for (int i = 0; i < expected.Length; i++)
                    {
                        int c = i % 2, column = i / 2 % 7, row = i / 14;
                        expected[i] = padded[4 + down + row, 4 + right + (isFlipped ? 6 - column : column), c];
                    }

                    Augmentation.Cut(_shape, down, right, isFlipped, image, varied);
                    Comparisons.BitEqual(expected, varied, $"{down} down, {right} right, flipped: {isFlipped}");
                }
            }
        }
    }

    [Test]
    public void TheMirrorDoesNotRepeatTheBorder()
    {
        var row = new ImageShape(5, 5, 1);
        float[] image = [.. Enumerable.Range(0, 25).Select(i => (float)(i % 5))], varied = new float[25];
        Augmentation.Cut(row, 0, -4, false, image, varied);
        Assert.That(varied[..5], Is.EqualTo((float[])[4, 3, 2, 1, 0]));
        Augmentation.Cut(row, 0, 4, false, image, varied);
        Assert.That(varied[..5], Is.EqualTo((float[])[4, 3, 2, 1, 0]));
        Augmentation.Cut(row, 0, 2, false, image, varied);
        Assert.That(varied[..5], Is.EqualTo((float[])[2, 3, 4, 3, 2]));
    }

    /// <summary>All 162 variants, each as often as chance has it: 100 times, within five deviations.</summary>
    [Test]
    public void EveryVariantIsAsLikely()
    {
        var shape = new ImageShape(16, 16, 1);
        float[] image = Image(shape), varied = new float[shape.Length];
        var augmentation = new Augmentation(shape, 1);
        var counts = new Dictionary<(float, float), int>();
        for (int i = 0; i < 16_200; i++)
        {
            augmentation.Apply(i % 3, i, image, varied);
            // Two neighbours in the middle tell the window and the turn.
            counts[(varied[119], varied[120])] = counts.GetValueOrDefault((varied[119], varied[120])) + 1;
        }

        Assert.That(counts, Has.Count.EqualTo(162));
        Assert.That(counts.Values, Is.All.InRange(50, 150));
    }

    [Test]
    public void AVariantIsItsSeedsEpochsAndSamples()
    {
        float[] image = Image(_shape);
        Assert.That(Variants(1, 0), Is.EqualTo(Variants(1, 0)));
        Assert.That(Variants(1, 0), Is.Not.EqualTo(Variants(2, 0)));
        Assert.That(Variants(1, 0), Is.Not.EqualTo(Variants(1, 1)));

        float[] Variants(ulong seed, long epoch)
        {
            var augmentation = new Augmentation(_shape, seed);
            var all = new float[8 * _shape.Length];
            for (int i = 0; i < 8; i++) augmentation.Apply(epoch, i, image, all.AsSpan(i * _shape.Length, _shape.Length));
            return all;
        }
    }

    [Test]
    public void NothingIsAllocated()
    {
        float[] image = Image(_shape), varied = new float[_shape.Length];
        var augmentation = new Augmentation(_shape, 1);
        augmentation.Apply(0, 0, image, varied);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++) augmentation.Apply(0, i, image, varied);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void TooSmallImagesAreRefused()
    {
        Detox.Mpi.DetoxException error = Assert.Throws<Detox.Mpi.DetoxException>(() => _ = new Augmentation(new ImageShape(28, 4, 1), 1))!;
        Assert.That(error.Message, Does.Contain("--augment cifar").And.Contain("28 x 4"));
    }

    [Test]
    public void OnlyAFolderOfCifarFilesIsVariedUnasked()
    {
        using TempFolder cifar = new(), idx = new();
        cifar.Write("data_batch_1.bin", new byte[5 * 3073]);
        idx.WriteIdx("train", 5);
        Assert.Multiple(() =>
        {
            Assert.That(Resolved(new() { Data = cifar.Path }), Is.EqualTo(Augment.Cifar));
            Assert.That(Resolved(new() { Data = cifar.Path, Augment = Augment.None }), Is.EqualTo(Augment.None));
            Assert.That(Resolved(new() { Data = "objects", Augment = Augment.Cifar }), Is.EqualTo(Augment.Cifar));
            foreach (string data in (string[])["digits", "objects", "nowhere", idx.Path])
                Assert.That(Resolved(new() { Data = data }), Is.EqualTo(Augment.None), data);
        });

        static Augment? Resolved(TrainOptions options) => options.Resolve(launchedRanks: null, cores: 2).Augment;
    }

    private static float[] Image(ImageShape shape) => [.. Enumerable.Range(0, shape.Length).Select(i => i + 0.5f)];

    private static float[,,] Pad(float[] image)
    {
        var padded = new float[5 + 8, 7 + 8, 2];
        int[] rows = [4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0], columns = [4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2];
        for (int row = 0; row < rows.Length; row++)
        {
            for (int column = 0; column < columns.Length; column++)
            {
                for (int c = 0; c < 2; c++) padded[row, column, c] = image[(((rows[row] * 7) + columns[column]) * 2) + c];
            }
        }

        return padded;
    }
}
