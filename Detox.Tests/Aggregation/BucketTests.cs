using Detox.Gpu;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;

namespace Detox.Tests.Aggregation;

public sealed class BucketTests
{
    private readonly CpuDevice _device = new(1);

    [OneTimeTearDown]
    public void TearDown() => _device.Dispose();

    [TestCase("mean", "median", 0, 15, 0, null)]
    [TestCase("mean", "median", 5, 15, 0, null)]
    [TestCase("mean", "median", 5, 3, 0, null)]
    [TestCase("mean", "median", 5, 0, 0, "there is no winner to aggregate")]
    [TestCase("mean", "median", 5, 16, 0, "16 winners are more than the 15 that there is room for")]
    [TestCase("krum", "median", 5, 15, 2, "krum(f=2) needs 2f+3 = 7 rows for f = 2; a bucket of 15 winners in 5 buckets has 3")]
    [TestCase("multi-krum", "mean", 2, 15, 2, null)]
    [TestCase("multi-krum", "mean", 2, 13, 2, "multi-krum(f=2) needs 2f+3 = 7 rows for f = 2; a bucket of 13 winners in 2 buckets has 6")]
    [TestCase("mean", "bulyan", 5, 15, 1, "bulyan(f=1) needs 4f+3 = 7 rows for f = 1; there are 5 buckets")]
    [TestCase("mean", "krum", 1, 15, 0, "krum(f=0) needs 2f+3 = 3 rows for f = 0; there is 1 bucket")]
    [TestCase("mean", "bulyan", 0, 11, 2, null)]
    [TestCase("mean", "bulyan", 0, 10, 2, "bulyan(f=2) needs 4f+3 = 11 rows for f = 2; there are 10 winners")]
    [TestCase("mean", "krum", 0, 1, 0, "krum(f=0) needs 2f+3 = 3 rows for f = 0; there is 1 winner")]
    public void Problems(string within, string across, int buckets, int winners, int f, string? problem)
    {
        using BucketedAggregation aggregation = New(within, across, buckets, f, 15, 4);
        Assert.That(aggregation.Problem(winners), Is.EqualTo(problem));
        if (problem is null || winners is 0 or 16) return;
        using DeviceBuffer rows = _device.Allocate(15 * 4), output = _device.Allocate(4);
        Assert.That(() => aggregation.Aggregate(Rows.Regular(rows.All, 4, 4, new long[winners]), 1, output.All), Throws.ArgumentException.With.Message.Contains(problem));
    }

    [Test]
    public void EveryRowIsInOneBucketAndSizesDifferByAtMostOne([Range(1, 11)] int n, [Range(1, 6)] int buckets)
    {
        // Row i is the unit vector i, so coordinate i of the mean of means is 1 / (buckets * size of the bucket of row i).
        using BucketedAggregation aggregation = New("mean", "mean", buckets, 0, n, n);
        float[] result = Run(aggregation, Unit(n), 5);
        int used = buckets < n ? buckets : n;
        int[] sizes = [.. result.Select(x => (int)Math.Round(1 / (x * used)))];
        int small = n / used;
        Assert.That(sizes, Has.All.InRange(small, small + 1));
        Assert.That(sizes.Count(s => s == small + 1), Is.EqualTo(n % used * (small + 1)));
        Assert.That(result.Sum(), Is.EqualTo(1).Within(1e-5));
    }

    [Test]
    public void TheSeedDecidesTheBuckets()
    {
        using BucketedAggregation aggregation = New("mean", "krum", 5, 1, 15, 15);
        float[][] runs = [.. new ulong[] { 1, 1, 2, 3 }.Select(seed => Run(aggregation, Unit(15), seed))];
        Assert.That(runs[1], Is.EqualTo(runs[0]));
        Assert.That(runs[2], Is.Not.EqualTo(runs[0]));
        Assert.That(runs[3], Is.Not.EqualTo(runs[2]));
    }

    [Test]
    public void WithoutBucketsTheRowsKeepTheirOrder([Values(0, 7, 9)] int buckets)
    {
        float[][] rows = SampleRows.Honest(7, 30, 4);
        using BucketedAggregation aggregation = New("median", "mean", buckets, 1, 7, 30);
        Comparisons.BitEqual(SampleRows.Aggregate("mean", 1, rows), Run(aggregation, rows, 99), "mean");
    }

    [Test]
    public void BucketsAreReducedByTheWithinRuleThenTheAcrossRule()
    {
        float[][] rows = SampleRows.Honest(15, 20, 8);
        int[] order = [.. Enumerable.Range(0, 15)];
        new SeededRandom(42).Shuffle(order.AsSpan());
        float[][] medians = [.. Enumerable.Range(0, 4).Select(b =>
        {
            int first = (b * 3) + Math.Min(b, 3), size = b < 3 ? 4 : 3;
            return SampleRows.Aggregate("median", 0, [.. order.Skip(first).Take(size).Select(i => rows[i])]);
        })];
        using BucketedAggregation aggregation = New("median", "mean", 4, 0, 15, 20);
        Comparisons.BitEqual(SampleRows.Aggregate("mean", 0, medians), Run(aggregation, rows, 42), "median of four, mean across");
    }

    [Test]
    public void ABucketOfOneRowIsThatRow()
    {
        float[][] rows = [[-0f, 1], [-0f, 1], [-0f, 1]];
        using BucketedAggregation aggregation = New("mean", "median", 2, 0, 3, 2);
        Assert.That(Run(aggregation, rows, 1)[1], Is.EqualTo(1f));
        Comparisons.BitEqual([-0f, 5], SampleRows.Aggregate("mean", 0, [[-0f, 5]]), "mean of one");
    }

    [Test]
    public void OnlyBucketsTakeMemoryAndTheyGiveItBack()
    {
        using IlgpuDevice device = IlgpuDevice.Open(IlgpuKind.Simulator, _ => 0);
        foreach ((int buckets, int bytes) in new[] { (0, 0), (15, 0), (5, 5 * 4000) })
        {
            using (BucketedAggregation _ = new(device, new MeanRule(), new MedianRule(), buckets, 15, 1000))
                Assert.That(device.AllocatedBytes, Is.EqualTo(bytes), $"{buckets} buckets of 15 rows");
            Assert.That(device.AllocatedBytes, Is.Zero, $"{buckets} buckets of 15 rows");
        }
    }

    [Test]
    public void NegativeBucketsAndNoRowsAreRefused()
    {
        Assert.That(() => New("mean", "median", -1, 0, 15, 4), Throws.TypeOf<ArgumentOutOfRangeException>());
        foreach (int rows in (int[])[0, -1]) Assert.That(() => New("mean", "median", 0, 0, rows, 4), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void ItsRulesEndWithIt()
    {
        LastingRule within = new(), across = new();
        new BucketedAggregation(_device, within, across, 5, 15, 4).Dispose();
        Assert.That((within.IsDisposed, across.IsDisposed), Is.EqualTo((true, true)));
    }

    private static float[][] Unit(int n)
        => [.. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, n).Select(j => i == j ? 1f : 0f).ToArray())];

    private BucketedAggregation New(string within, string across, int buckets, int f, int maximumRows, long width)
        => new(_device, AggregationRule.Parse(within, f), AggregationRule.Parse(across, f), buckets, maximumRows, width);

    private float[] Run(BucketedAggregation aggregation, float[][] rows, ulong seed)
    {
        int width = rows[0].Length, stride = width + 2;
        using DeviceBuffer memory = _device.Allocate(rows.Length * stride), output = _device.Allocate(width);
        for (int i = 0; i < rows.Length; i++) _device.Write(rows[i], memory.All.Slice(i * stride, width));
        aggregation.Aggregate(Rows.Regular(memory.All, stride, width, new long[rows.Length]), seed, output.All);
        float[] result = new float[width];
        _device.Read(output.All, result);
        return result;
    }

    private sealed class LastingRule : AggregationRule
    {
        public bool IsDisposed { get; private set; }

        public override string Name => "lasting";

        public override int RowsNeeded => 1;

        public override void Dispose()
        {
            IsDisposed = true;
            base.Dispose();
        }

        public override RuleWork Work(int rows, long width) => default;

        protected internal override void Reduce(Vectors vectors, View output) => vectors.Device.Copy(vectors.Rows[0], output);
    }
}
