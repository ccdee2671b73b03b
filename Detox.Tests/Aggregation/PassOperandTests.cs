using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;
using Detox.Tests.Kernels;
using NUnit.Framework;

namespace Detox.Tests.Aggregation;

/// <summary>Operands that do not fit are refused in the same words by every device, before anything is written.</summary>
public sealed class PassOperandTests
{
    private static readonly (string Name, Func<Device> Open)[] _devices =
        [("plain", () => new PlainDevice()), ("cpu", () => new CpuDevice(1)), ("simulator", () => IlgpuDevice.Open(IlgpuKind.Simulator, count => 0))];

    private static readonly (string Error, Action<Device, DeviceBuffer> Run)[] _misuses =
    [
        ("rows: a pass over no rows has no result.", (device, memory) => device.Run(new WeightedSum(Some(memory, 0), [], 1, memory.All.Slice(0, 4)))),
        ("rows: a pass over no rows has no result.", (device, memory) => device.Run(new CoordinateMedian(Some(memory, 0), memory.All.Slice(0, 4)))),
        ("rows: a pass over no rows has no result.", (device, memory) => device.Run(new MeanAround(Some(memory, 0), null, 1, memory.All.Slice(0, 4)))),
        ("rows: a pass over no rows has no result.", (device, memory) => device.Run(new SignMajority(Some(memory, 0), memory.All.Slice(0, 4)))),
        ("output: a view of 3 floats where 4 are expected.", (device, memory) => device.Run(new WeightedSum(Some(memory, 2), [1, 1], 1, memory.All.Slice(0, 3)))),
        ("output: a view of 3 floats where 4 are expected.", (device, memory) => device.Run(new CoordinateMedian(Some(memory, 2), memory.All.Slice(0, 3)))),
        ("output: a view of 3 floats where 4 are expected.", (device, memory) => device.Run(new MeanAround(Some(memory, 2), null, 1, memory.All.Slice(0, 3)))),
        ("output: a view of 3 floats where 4 are expected.", (device, memory) => device.Run(new SignMajority(Some(memory, 2), memory.All.Slice(0, 3)))),
        ("weights: 3 of them for 2 rows.", (device, memory) => device.Run(new WeightedSum(Some(memory, 2), [1, 1, 1], 1, memory.All.Slice(0, 4)))),
        ("keep: cannot keep 0 of 2 values.", (device, memory) => device.Run(new MeanAround(Some(memory, 2), null, 0, memory.All.Slice(0, 4)))),
        ("keep: cannot keep 3 of 2 values.", (device, memory) => device.Run(new MeanAround(Some(memory, 2), null, 3, memory.All.Slice(0, 4)))),
        ("trim: nothing is left of 2 values without 1 at each end.", (device, memory) => device.Run(new TrimmedMean(Some(memory, 2), 1, memory.All.Slice(0, 4)))),
        ("trim: nothing is left of 2 values without -1 at each end.", (device, memory) => device.Run(new MeanAround(Some(memory, 2), -1, 1, memory.All.Slice(0, 4)))),
        ("distances: 3 places for 2 rows.", (device, memory) => device.Run(new SquaredDistances(Some(memory, 2), null, new double[3]))),
        ("Point: a view of 3 floats where 4 are expected.", (device, memory) => device.Run(new SquaredDistances(Some(memory, 2), memory.All.Slice(0, 3), new double[2]))),
        ("distances: 5 places where 2 rows have 4.", (device, memory) => device.Run(new PairwiseSquaredDistances(Some(memory, 2), new double[5]))),
        ("columns: there is no column 4 in rows of 4 floats.", (device, memory) => device.Run(new GatherColumns(Some(memory, 2), [0, 4], memory.All.Slice(0, 4)))),
        ("columns: there is no column -1 in rows of 4 floats.", (device, memory) => device.Run(new GatherColumns(Some(memory, 2), [-1], memory.All.Slice(0, 2)))),
        ("Output: a view of 3 floats where 4 are expected.", (device, memory) => device.Run(new GatherColumns(Some(memory, 2), [0, 1], memory.All.Slice(0, 3)))),
        ("leaves: 31 bytes where 1 digests take 32.", (device, memory) => RunLeaves(device, memory, BallotKind.Sha256, 31)),
        ("leaves: 32 bytes where 1 digests take 16.", (device, memory) => RunLeaves(device, memory, BallotKind.Xxh128, 32)),
        ("areFinite: 2 places for 1 vectors.", (device, memory) => RunLeaves(device, memory, BallotKind.Xxh128, 16, places: 2)),
    ];

    [TestCaseSource(nameof(_devices))]
    public void OperandsThatDoNotFitAreRefused((string Name, Func<Device> Open) form)
    {
        using Device device = form.Open();
        using DeviceBuffer memory = device.Upload([5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5]);
        foreach ((string error, Action<Device, DeviceBuffer> run) in _misuses)
            Assert.That(() => run(device, memory), Throws.InstanceOf<ArgumentException>().With.Message.EqualTo(error), form.Name);
        Assert.That(device.Download(memory), Has.All.EqualTo(5));
    }

    [TestCaseSource(nameof(_devices))]
    public void RowsOfNoFloatsAndNoRowsHaveDistances((string Name, Func<Device> Open) form)
    {
        using Device device = form.Open();
        using DeviceBuffer memory = device.Allocate(8);
        double[] distances = [7, 7, 7, 7];
        device.Run(new PairwiseSquaredDistances(new Rows(memory.All, [0, 4], 0), distances));
        Assert.That(distances, Has.All.Zero);
        device.Run(new PairwiseSquaredDistances(new Rows(memory.All, [], 8), []));
        distances = [7, 7];
        device.Run(new SquaredDistances(new Rows(memory.All, [0, 4], 0), null, distances));
        Assert.That(distances, Has.All.Zero);
        device.Run(new SquaredDistances(new Rows(memory.All, [], 8), null, []));
    }

    [TestCaseSource(nameof(_devices))]
    public void ColumnsOfNoWidthAreNone((string Name, Func<Device> Open) form)
    {
        using Device device = form.Open();
        using DeviceBuffer memory = device.Upload([5]);
        View none = memory.All.Slice(0, 0);
        foreach (int n in (int[])[2, 70])
        {
            device.Run(new WeightedSum(new Rows(memory.All, new long[n], 0), new float[n], 1, none));
            device.Run(new CoordinateMedian(new Rows(memory.All, new long[n], 0), none));
            device.Run(new MeanAround(new Rows(memory.All, new long[n], 0), null, 1, none));
            device.Run(new TrimmedMean(new Rows(memory.All, new long[n], 0), 0, none));
            device.Run(new SignMajority(new Rows(memory.All, new long[n], 0), none));
            bool[] areFinite = new bool[n];
            device.Run(new LeafDigests(BallotKind.Xxh128, new Rows(memory.All, new long[n], 0), [], areFinite));
            Assert.That(areFinite, Has.All.True);
        }

        Assert.That(device.Download(memory), Is.EqualTo(new float[] { 5 }));
    }

    /// <summary>Pairs times chunks pass 2^31 long before memory ends.</summary>
    [Test]
    public void SumsOfChunksHaveLongPlaces()
        => Assert.That(PairwiseSquaredDistances.ChunkSum(chunk: 9, pairs: 1 << 30, pair: 5), Is.EqualTo((9L << 30) + 5));

    private static Rows Some(DeviceBuffer memory, int count) => new(memory.All, new long[] { 4, 8 }.AsSpan(0, count), 4);

    private static void RunLeaves(Device device, DeviceBuffer memory, BallotKind kind, int bytes, int places = 1)
    {
        bool[] areFinite = new bool[places];
        device.Run(new LeafDigests(kind, new Rows(memory.All, [0], memory.Length), new byte[bytes], areFinite));
    }
}
