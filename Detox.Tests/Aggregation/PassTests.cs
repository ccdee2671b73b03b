using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;

namespace Detox.Tests.Aggregation;

/// <summary>The passes over rows against their references, bit for bit, at every vector width and with one to three threads.</summary>
[TestFixture(1, 1)]
[TestFixture(4, 2)]
[TestFixture(8, 1)]
[TestFixture(8, 3)]
[TestFixture(16, 2)]
public sealed class PassTests(int lanes, int threads)
{
    private static readonly int[] Counts = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 45, 49];
    private static readonly int[] Widths = [1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 65, 100, 129];

    private readonly CpuDevice _device = new(threads) { Lanes = lanes };

    [OneTimeTearDown]
    public void TearDown() => _device.Dispose();

    [Test]
    public void DistancesEqualTheReference([Values] bool wild)
    {
        ForAll(wild, (rows, memory, offsets, what) =>
        {
            int n = offsets.Length;
            double[] found = new double[n * n], expected = new double[n * n];
            _device.Run(new PairwiseSquaredDistances(new Rows(rows.Memory, offsets, rows.Width), found));
            PairwiseSquaredDistances.Reference(memory, offsets, (int)rows.Width, expected);
            Comparisons.BitEqual(expected, found, what);
        });
    }

    [Test]
    public void DistancesOfManyColumnsEqualTheReference([Values(1000, 1024, 4095, 4113, 16384, 16400, 40001)] int width, [Values(2, 5)] int n)
        => For(n, width, false, (rows, memory, offsets, what) =>
        {
            double[] found = new double[n * n], expected = new double[n * n];
            _device.Run(new PairwiseSquaredDistances(new Rows(rows.Memory, offsets, rows.Width), found));
            PairwiseSquaredDistances.Reference(memory, offsets, width, expected);
            Comparisons.BitEqual(expected, found, what);
        });

    [Test]
    public void DistancesOfManyRowsEqualTheReference()
        => For(101, 37, false, (rows, memory, offsets, what) =>
        {
            double[] found = new double[101 * 101], expected = new double[101 * 101];
            _device.Run(new PairwiseSquaredDistances(new Rows(rows.Memory, offsets, rows.Width), found));
            PairwiseSquaredDistances.Reference(memory, offsets, 37, expected);
            Comparisons.BitEqual(expected, found, what);
        });

    [Test]
    public void WeightedSumEqualsTheReference([Values] bool wild)
    {
        ForAll(wild, (rows, memory, offsets, what) =>
        {
            float[] weights = SampleRows.Values(offsets.Length, 5, false);
            Compare(rows, offsets, what, (r, o) => _device.Run(new WeightedSum(r, weights, 3, o)),
                expected => WeightedSum.Reference(memory, offsets, weights, 3, expected));
        });
    }

    [Test]
    public void ASumOfNoRowEqualsTheReference([Values(1, 17, 4100, 8200)] int width, [Values(3, -0f, float.NaN)] float divisor)
        => For(5, width, true, (rows, memory, offsets, what) =>
        {
            float[] weights = [0, -0f, 0, 0, -0f];
            Compare(rows, offsets, what, (r, o) => _device.Run(new WeightedSum(r, weights, divisor, o)), e => WeightedSum.Reference(memory, offsets, weights, divisor, e));
        });

    [Test]
    public void ANaNForAWeightReachesTheSum()
        => For(3, 20, false, (rows, memory, offsets, what) =>
        {
            float[] weights = [1, float.NaN, 0];
            Compare(rows, offsets, what, (r, o) => _device.Run(new WeightedSum(r, weights, 1, o)), e => WeightedSum.Reference(memory, offsets, weights, 1, e));
        });

    [Test]
    public void MedianEqualsTheReference([Values] bool wild)
        => ForAll(wild, (rows, memory, offsets, what) => Compare(rows, offsets, what,
            (r, o) => _device.Run(new CoordinateMedian(r, o)), expected => CoordinateMedian.Reference(memory, offsets, expected)));

    [Test]
    public void MeanAroundMedianEqualsTheReference([Values] bool wild)
    {
        ForAll(wild, (rows, memory, offsets, what) =>
        {
            int n = offsets.Length;
            foreach (int keep in new[] { 1, (n + 1) / 2, Math.Max(1, n - 2), n })
            {
                Compare(rows, offsets, $"{what}, keep {keep}", (r, o) => _device.Run(new MeanAroundMedian(r, keep, o)),
                    expected => MeanAroundMedian.Reference(memory, offsets, keep, expected));
            }
        });
    }

    [Test]
    public void SignMajorityEqualsTheReference([Values] bool wild)
        => ForAll(wild, (rows, memory, offsets, what) => Compare(rows, offsets, what,
            (r, o) => _device.Run(new SignMajority(r, o)), expected => SignMajority.Reference(memory, offsets, expected)));

    [TestCase(300, 21)]
    [TestCase(1024, 9)]
    [TestCase(2500, 17)]
    public void MedianOfManyRowsEqualsTheReference(int n, int width)
        => For(n, width, true, (rows, memory, offsets, what) =>
        {
            Compare(rows, offsets, what, (r, o) => _device.Run(new CoordinateMedian(r, o)), e => CoordinateMedian.Reference(memory, offsets, e));
            Compare(rows, offsets, what, (r, o) => _device.Run(new MeanAroundMedian(r, n / 2, o)), e => MeanAroundMedian.Reference(memory, offsets, n / 2, e));
        });

    [Test]
    public void ManyBlocksOfColumnsEqualTheReference([Values(8191, 8192, 16400, 24593)] int width)
        => For(5, width, true, (rows, memory, offsets, what) =>
        {
            float[] weights = [1, 0.5f, 0, -2, 3];
            Compare(rows, offsets, what, (r, o) => _device.Run(new CoordinateMedian(r, o)), e => CoordinateMedian.Reference(memory, offsets, e));
            Compare(rows, offsets, what, (r, o) => _device.Run(new SignMajority(r, o)), e => SignMajority.Reference(memory, offsets, e));
            Compare(rows, offsets, what, (r, o) => _device.Run(new WeightedSum(r, weights, 1, o)), e => WeightedSum.Reference(memory, offsets, weights, 1, e));
        });

    private delegate void Check(Rows rows, float[] memory, long[] offsets, string what);

    private delegate void Pass(Rows rows, View output);

    private void ForAll(bool wild, Check check)
    {
        foreach (int n in Counts)
            foreach (int width in Widths)
                For(n, width, wild, check);
    }

    // The rows lie in a seeded order with gaps, at offsets that no vector is aligned to.
    private void For(int n, int width, bool wild, Check check)
    {
        int stride = width + 5;
        float[] memory = SampleRows.Values((n * stride) + 3, (ulong)((n * 1000) + width), wild);
        long[] offsets = new long[n];
        for (int i = 0; i < n; i++) offsets[i] = 3 + (i * stride);
        new SeededRandom(7).Shuffle(offsets.AsSpan());
        using DeviceBuffer buffer = _device.Allocate(memory.Length);
        _device.Write(memory, buffer.All);
        check(new Rows(buffer.All, offsets, width), memory, offsets, $"{n} rows of {width}");
    }

    private void Compare(Rows rows, long[] offsets, string what, Pass pass, Action<float[]> reference)
    {
        float[] expected = new float[rows.Width], found = new float[rows.Width + 2];
        using DeviceBuffer output = _device.Allocate(rows.Width + 2);
        _device.Run(new Fill(output.All, 77));
        pass(new Rows(rows.Memory, offsets, rows.Width), output.All.Slice(1, rows.Width));
        reference(expected);
        _device.Read(output.All, found);
        Comparisons.BitEqual(expected, found.AsSpan(1, expected.Length), what);
        Assert.That((found[0], found[^1]), Is.EqualTo((77f, 77f)), $"{what}: wrote beyond its output");
    }
}
