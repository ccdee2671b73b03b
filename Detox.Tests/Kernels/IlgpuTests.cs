using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;
using Detox.Gpu.Networks;
using Detox.Tests.Aggregation;
using ILGPU;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Kernels;

/// <summary>Every kernel for GPUs computes the bits of the plain loops. OpenCL runs everywhere where a driver is, on a CPU too;
/// the simulator takes the smallest shapes only; CUDA runs where a GPU is and is said to be missing where none is.</summary>
[TestFixture(IlgpuKind.OpenCl)]
[TestFixture(IlgpuKind.Simulator)]
[TestFixture(IlgpuKind.Cuda)]
[NonParallelizable]
public sealed class IlgpuTests(IlgpuKind kind)
{
    private IlgpuDevice _device = null!;

    private bool IsSlow => kind == IlgpuKind.Simulator;

    [OneTimeSetUp]
    public void Open()
    {
        OpenCl.Require(kind);
        _device = IlgpuDevice.Open(kind, count => 0);
    }

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [Test]
    public void ConvolutionsEqualTheReference()
    {
        (ConvolutionShape Shape, int Samples)[] shapes =
        [
            (new(5, 5, 3, 5, 1), 1),
            (new(7, 6, 3, 3, 5, Stride: 1, Padding: 1), 2),
            (new(9, 8, 2, 3, 3, Stride: 2, Padding: 1), 3),
            (new(5, 7, 2, 4, 3, Stride: 3, Padding: 2), 2),
            (ConvolutionShape.Linear(1, 1), 1),
            (ConvolutionShape.Linear(37, 5), 3),
            (ConvolutionShape.Linear(3, 4), 0),
            (new(28, 28, 1, 5, 20), 2),
            (new(12, 12, 20, 5, 50), 9),
            (ConvolutionShape.Linear(800, 17), 5),
            (ConvolutionShape.Linear(3, 24), 600),
            (new(8, 8, 16, 3, 16, Padding: 1), 1),
            (new(9, 7, 17, 3, 33, Padding: 1), 3),
            (new(8, 12, 64, 3, 20, Padding: 2), 2),
            (new(10, 10, 40, 3, 70), 40),
        ];
        foreach ((ConvolutionShape shape, int samples) in IsSlow ? shapes.Take(7) : shapes)
        {
            float[] x = TestDevices.Random(samples * shape.InputLength, 1), w = TestDevices.Random(shape.WeightLength, 2);
            float[] b = TestDevices.Random(shape.Outputs, 3), dy = TestDevices.Random(samples * shape.OutputLength, 4);
            float[] y = new float[dy.Length], dx = new float[x.Length], dw = new float[w.Length], db = new float[b.Length];
            ConvolutionForward.Reference(shape, samples, x, w, b, y);
            ConvolutionBackwardInput.Reference(shape, samples, dy, w, dx);
            ConvolutionBackwardWeights.Reference(shape, samples, x, dy, dw, db);

            using DeviceBuffer input = _device.Upload(x), weights = _device.Upload(w), bias = _device.Upload(b), gradient = _device.Upload(dy);
            using DeviceBuffer output = _device.Allocate(y.Length), inputGradient = _device.Upload(TestDevices.Random(x.Length, 5));
            using DeviceBuffer weightsGradient = _device.Upload(TestDevices.Random(w.Length, 6)), biasGradient = _device.Allocate(b.Length);
            _device.Run(new ConvolutionForward(shape, samples, input.All, weights.All, bias.All, output.All));
            BitEqual(y, _device.Download(output), $"{shape}: output");
            _device.Run(new ConvolutionBackwardInput(shape, samples, gradient.All, weights.All, inputGradient.All));
            BitEqual(dx, _device.Download(inputGradient), $"{shape}: input gradient");
            _device.Run(new ConvolutionBackwardWeights(shape, samples, input.All, gradient.All, weightsGradient.All, biasGradient.All));
            BitEqual(dw, _device.Download(weightsGradient), $"{shape}: weights' gradient");
            BitEqual(db, _device.Download(biasGradient), $"{shape}: bias' gradient");
        }
    }

    /// <summary>More products than a grid has groups in a second or third dimension.</summary>
    [Test]
    public void ThereMayBeManyBatchesOfProducts()
    {
        const int rows = 2 * TiledProduct.MostRows, columns = TiledProduct.Columns + 1;
        int batches = IsSlow ? 3 : 70_000, groups = 4 * batches;
        using DeviceBuffer found = _device.Allocate(3L * groups);
        TiledProduct.Launch(_device, rows, columns, batches, new TileOfGroup(rows, columns, IlgpuDevice.Floats(found.All)));
        float[] expected = [.. Enumerable.Range(0, groups).SelectMany(group => (float[])[group % 2 * TiledProduct.MostRows, group / 2 % 2 * TiledProduct.Columns, group / 4])];
        BitEqual(expected, _device.Download(found), "first rows, first columns and batches");
    }

    // The simulator sees nothing of this assembly that is not public.
    public readonly struct TileOfGroup(int rows, int columns, ArrayView<float> found) : IProduct
    {
        void IProduct.Run<TSums>()
        {
            if (Group.IdxX != 0) return;
            ProductTile tile = TiledProduct.Tile<TSums>(rows, columns);
            int at = Grid.IdxX * 3;
            found[at] = tile.FirstRow;
            found[at + 1] = tile.FirstColumn;
            found[at + 2] = tile.Batch;
        }
    }

    [Test]
    public void PassesOverRowsEqualTheReference()
    {
        foreach ((int n, int width) in new[] { (1, 5), (2, 33), (7, 100), (8, 9), (17, 40), (33, 3), (64, 5), (65, 4), (15, 4097), (16, 20_000), (32, 10_000), (45, 5000), (130, 33_000) }.Take(IsSlow ? 8 : 13))
        {
            foreach (bool wild in (bool[])[false, true])
            {
                int stride = width + 3;
                float[] memory = SampleRows.Values(n * stride, 15, wild);
                long[] offsets = [.. Enumerable.Range(0, n).Select(i => (long)(n - 1 - i) * stride)];
                float[] weights = [.. Enumerable.Range(0, n).Select(i => i % 3 == 1 ? 0f : 0.25f * i)];
                int keep = Math.Max(1, n / 2);
                float[] sum = new float[width], median = new float[width], around = new float[width], sign = new float[width];
                double[] distances = new double[n * n], found = new double[n * n];
                WeightedSum.Reference(memory, offsets, weights, 3, sum);
                CoordinateMedian.Reference(memory, offsets, median);
                MeanAroundMedian.Reference(memory, offsets, keep, around);
                SignMajority.Reference(memory, offsets, sign);
                PairwiseSquaredDistances.Reference(memory, offsets, width, distances);

                using DeviceBuffer buffer = _device.Upload(memory), output = _device.Allocate(width);
                Rows Rows() => new(buffer.All, offsets, width);
                string what = $"{n} rows of {width}{(wild ? ", wild" : "")}";
                _device.Run(new WeightedSum(Rows(), weights, 3, output.All));
                BitEqual(sum, _device.Download(output), $"{what}: weighted sum");
                _device.Run(new CoordinateMedian(Rows(), output.All));
                BitEqual(median, _device.Download(output), $"{what}: median");
                _device.Run(new MeanAroundMedian(Rows(), keep, output.All));
                BitEqual(around, _device.Download(output), $"{what}: mean around median");
                _device.Run(new SignMajority(Rows(), output.All));
                BitEqual(sign, _device.Download(output), $"{what}: sign majority");
                _device.Run(new PairwiseSquaredDistances(Rows(), found));
                BitEqual(distances, found, $"{what}: distances");
            }
        }
    }

    /// <summary>More rows than registers hold: around whole blocks and powers of two, with many equal values and with none.</summary>
    [Test]
    public void TallColumnsEqualTheReference()
    {
        foreach (int n in IsSlow ? (int[])[65, 130] : [65, 66, 95, 127, 128, 129, 192, 193, 255, 257, 300, 513, 1000])
        {
            foreach ((string what, Func<int, float[]> values) in new (string, Func<int, float[]>)[]
            {
                ("wild", count => SampleRows.Values(count, (ulong)n, wild: true)),
                ("few values", count => [.. TestDevices.Random(count, (ulong)n, 0, 3).Select(MathF.Floor)]),
                ("all equal", count => [.. Enumerable.Repeat(-2.5f, count)]),
                ("close", count => [.. TestDevices.Random(count, (ulong)n, 1, 1.0001f)]),
            })
            {
                int width = IsSlow ? 3 : 131;
                float[] memory = values(n * width), expected = new float[width];
                long[] offsets = [.. Enumerable.Range(0, n).Select(i => (long)i * width)];
                using DeviceBuffer buffer = _device.Upload(memory), output = _device.Allocate(width);
                CoordinateMedian.Reference(memory, offsets, expected);
                _device.Run(new CoordinateMedian(new Rows(buffer.All, offsets, width), output.All));
                BitEqual(expected, _device.Download(output), $"{n} rows, {what}: median");
                foreach (int keep in (int[])[1, n / 3, n - 1, n])
                {
                    MeanAroundMedian.Reference(memory, offsets, keep, expected);
                    _device.Run(new MeanAroundMedian(new Rows(buffer.All, offsets, width), keep, output.All));
                    BitEqual(expected, _device.Download(output), $"{n} rows, {what}: mean of {keep} around the median");
                }
            }
        }
    }

    [Test]
    public void WeightsThatAreZeroOrNoNumberEqualTheReference()
    {
        float[] memory = SampleRows.Values(3 * 40, 18, wild: true), expected = new float[40];
        long[] offsets = [80, 0, 40];
        using DeviceBuffer buffer = _device.Upload(memory), output = _device.Allocate(40);
        foreach (float[] weights in (float[][])[[0, -0f, 0], [1, float.NaN, 0], [0, 2, -0f]])
        {
            foreach (float divisor in (float[])[3, 0])
            {
                _device.Run(new Fill(output.All, 77));
                _device.Run(new WeightedSum(new Rows(buffer.All, offsets, 40), weights, divisor, output.All));
                WeightedSum.Reference(memory, offsets, weights, divisor, expected);
                BitEqual(expected, _device.Download(output), $"weights {string.Join(' ', weights)}, divisor {divisor}");
            }
        }
    }

    [TestCase(BallotKind.Sha256)]
    [TestCase(BallotKind.Xxh128)]
    public void BallotsEqualTheReference(BallotKind ballot)
    {
        foreach (int length in new[] { 1, 12, 13, 1024, 1025, 5000, 100_003 }.Take(IsSlow ? 3 : 7))
        {
            float[] vector = SampleRows.Values(length, 16, wild: false);
            using CpuDevice cpu = new(1);
            using DeviceBuffer here = cpu.Upload(vector), there = _device.Upload(vector);
            BallotTree expected = new(cpu, ballot, length), found = new(_device, ballot, length);
            Assert.That(found.Compute(there.All), Is.EqualTo(expected.Compute(here.All)), $"{length} floats");
            Assert.That(found.Leaves.SequenceEqual(expected.Leaves), $"{length} floats: leaves");
            vector[length / 2] = float.NaN;
            _device.Write(vector, there.All);
            Assert.That(found.Compute(there.All), Is.EqualTo(Ballot.Invalid), $"{length} floats, one NaN");
        }
    }

    /// <summary>Twenty steps of training on the device and on the CPU end in the same weights.</summary>
    [TestCase("lenet", 28, 2)]
    [TestCase("mlp", 28, 3)]
    [TestCase("softmax", 3, 2)]
    public void TrainingEndsInTheSameWeights(string model, int side, int batch)
    {
        if (IsSlow && model != "softmax") return;
        using CpuDevice cpu = new(2);
        BitEqual(Train(cpu, model, side, batch), Train(_device, model, side, batch), model);
    }

    /// <summary>What a gradient asks of a device beside arithmetic, each of which costs a GPU microseconds; and it allocates nothing but what ILGPU does for a copy.</summary>
    [TestCase("lenet", 28, 1, 30)]
    [TestCase("resnet18", 32, 3, 271)]
    public void AGradientStartsFewKernelsAndWaitsForNone(string model, int side, int channels, int mostLaunches)
    {
        if (IsSlow) return;
        const int batch = 2;
        using Network network = Network.Create(model, _device, side, side, channels, 10, batch);
        float[] values = new float[network.StateLength], images = TestDevices.Random(batch * side * side * channels, 1), one = new float[1];
        network.Initialise(3, values);
        using DeviceBuffer state = _device.Upload(values), payload = _device.Allocate(network.PayloadLength);
        int[] labels = [1, 2];
        network.Gradient(state.All, images, labels, payload.All);
        _device.Read(payload.All.Slice(0, 1), one);
        DeviceWork before = _device.Work;
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        network.Gradient(state.All, images, labels, payload.All);
        const int bytesThatIlgpuAllocatesForACopy = 80;
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - allocated, Is.LessThanOrEqualTo(2 * bytesThatIlgpuAllocatesForACopy), "bytes allocated");
        DeviceWork work = _device.Work - before;
        Assert.That(work.Launches, Is.InRange(1, mostLaunches));
        Assert.That(work.Waits, Is.Zero);
        Assert.That(work.BytesCopied, Is.EqualTo((images.Length * sizeof(float)) + (labels.Length * sizeof(int))), "images and labels");
    }

    [Test]
    public void ADeviceThatIsNotThereIsNamed()
    {
        DeviceException error = Assert.Throws<DeviceException>(() => IlgpuDevice.Open(kind, count => 99))!;
        Assert.That(error.Message, Does.Contain("99").And.Contain(_device.Name.Split(' ')[0]));
    }

    private static float[] Train(Device device, string model, int side, int batch)
    {
        using Network network = Network.Create(model, device, side, side, 1, 10, batch);
        float[] values = new float[network.ParameterCount];
        network.Initialise(3, values);
        using DeviceBuffer weights = device.Upload(values), velocity = device.Allocate(values.Length), payload = device.Allocate(network.PayloadLength);
        for (int step = 0; step < 20; step++)
        {
            float[] images = TestDevices.Random(batch * side * side, (ulong)step);
            int[] labels = [.. Enumerable.Range(0, batch).Select(i => (step + i) % 10)];
            network.Gradient(weights.All, images, labels, payload.All);
            device.Run(new SgdStep(weights.All, velocity.All, payload.All.Slice(0, network.ParameterCount), 0.05f, 0.9f, 1e-4f));
        }

        return device.Download(weights);
    }
}
