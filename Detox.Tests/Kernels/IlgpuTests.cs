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

/// <summary>What ops one by one do not show of a GPU, of which <see cref="OpTests"/> tests every op: grids, ballots, trained networks.</summary>
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

    /// <summary>More products than a grid has groups in a second or third dimension.</summary>
    [Test]
    public void ThereMayBeManyBatchesOfProducts()
    {
        const int rows = 2 * TiledProduct.MostRows, columns = TiledProduct.Columns + 1;
        int batches = IsSlow ? 3 : 70_000, groups = 4 * batches;
        using DeviceBuffer found = _device.Allocate(3L * groups);
        TiledProduct.Launch(_device, rows, columns, batches, inFours: false, new TileOfGroup(rows, columns, IlgpuDevice.Floats(found.All)));
        float[] expected = [.. Enumerable.Range(0, groups).SelectMany(group => (float[])[group % 2 * TiledProduct.MostRows, group / 2 % 2 * TiledProduct.Columns, group / 4])];
        BitEqual(expected, _device.Download(found), "first rows, first columns and batches");
    }

    // The simulator sees nothing of this assembly that is not public.
    public readonly struct TileOfGroup(int rows, int columns, ArrayView<float> found) : IProduct
    {
        void IProduct.Run<TSums, TAccess>()
        {
            if (Group.IdxX != 0) return;
            ProductTile tile = TiledProduct.Tile<TSums>(rows, columns);
            int at = Grid.IdxX * 3;
            found[at] = tile.FirstRow;
            found[at + 1] = tile.FirstColumn;
            found[at + 2] = tile.Batch;
        }
    }

    [TestCase(BallotKind.Blake3)]
    [TestCase(BallotKind.Sha256)]
    [TestCase(BallotKind.Xxh128)]
    public void BallotsEqualTheReference(BallotKind ballot)
    {
        foreach (int length in new[] { 1, 12, 13, 257, 1024, 1025, 5000, 100_003 }.Take(IsSlow ? 4 : 8))
        {
            float[] vector = SampleRows.Values(length, 16, wild: false);
            using CpuDevice cpu = new(1);
            using DeviceBuffer here = cpu.Upload(vector), there = _device.Upload(vector);
            BallotTree expected = new(cpu, ballot, length), found = new(_device, ballot, length);
            Assert.That(found.Compute(there.All), Is.EqualTo(expected.Compute(here.All)), $"{length} floats");
            Assert.That(found.LeavesOf(0).SequenceEqual(expected.LeavesOf(0)), $"{length} floats: leaves");
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
    [TestCase("resnet18", 32, 3, 167)]
    public void AGradientStartsFewKernelsAndWaitsForNone(string model, int side, int channels, int mostLaunches)
    {
        if (IsSlow) return;
        const int batch = 2;
        using Network network = Network.Create(model, _device, side, side, channels, 10, batch);
        float[] values = new float[network.StateLength], images = TestDevices.Random(batch * side * side * channels, 1), one = new float[1];
        network.Initialise(3, values);
        using DeviceBuffer state = _device.Upload(values), payload = _device.Allocate(network.PayloadLength);
        int[] labels = [1, 2];
        DeviceWork work = default;
        long least = long.MaxValue;

        // The first ones run code that is not optimised yet, which allocates.
        const int bytesThatIlgpuAllocatesForACopy = 80, mostRuns = 20;
        for (int run = 0; run < mostRuns && least > 2 * bytesThatIlgpuAllocatesForACopy; run++)
        {
            DeviceWork before = _device.Work;
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            network.Gradient(state.All, images, labels, payload.All);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - allocated);
            work = _device.Work - before;
            _device.Read(payload.All.Slice(0, 1), one);
        }

        Assert.That(least, Is.LessThanOrEqualTo(2 * bytesThatIlgpuAllocatesForACopy), "bytes allocated");
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
