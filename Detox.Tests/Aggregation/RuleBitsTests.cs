using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Tests.Kernels;

namespace Detox.Tests.Aggregation;

/// <summary>Every rule, by itself and behind pre-rules, gives the bits on every device that the ops' definitions give.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.Fixtures))]
[NonParallelizable]
public sealed class RuleBitsTests(DeviceForm form)
{
    private static readonly string[][] _before = [[], ["nnm"], ["bucketing"], ["clipping"], ["arc", "nnm"], ["nnm", "bucketing(s=3)"]];

    /// <summary>Rows, wrong ones, and width: the last are beyond a chunk of a distance, and beyond the columns that are combined at a time.</summary>
    private static readonly (int N, int F, int Width)[] _sizes = [(7, 1, 9), (15, 2, 100), (16, 2, 5000), (15, 1, 33_000)];

    private static readonly Dictionary<(string, int), float[][]> _expected = [];

    private Device _device = null!;

    [OneTimeSetUp]
    public void Open() => _device = form.Open();

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [Test]
    public void GivesTheBitsOfTheDefinitions([ValueSource(typeof(AggregationRule), nameof(AggregationRule.Names))] string rule)
    {
        foreach ((int n, int f, int width) in form.IsSlow ? _sizes[..1] : _sizes)
        {
            string text = rule switch
            {
                "dnc" => $"dnc(dimensions={(width / 2) + 1},rounds=2)",
                "centered-clipping" => "centered-clipping(tau=1,iterations=2)",
                _ => rule,
            };
            if (!_expected.TryGetValue((text, width), out float[][]? expected))
            {
                using PlainDevice plain = new();
                _expected.Add((text, width), expected = Results(plain, text, n, f, width));
            }

            float[][] found = Results(_device, text, n, f, width);
            for (int i = 0; i < found.Length; i++) Comparisons.BitEqual(expected[i], found[i], $"{text}, {n} rows of {width}, result {i}");
        }
    }

    /// <summary>Each twice: ordinary rows, then some with a far row and one that is not finite.</summary>
    private static float[][] Results(Device device, string rule, int n, int f, int width)
    {
        List<float[]> results = [];
        foreach (string[] before in _before)
        {
            using var ours = AggregationRule.Parse(before, rule, f);
            if (n < ours.RowsComputable) continue;
            float[][] rows = SampleRows.Honest(n, width, (ulong)n);
            results.Add(SampleRows.Aggregate(device, ours, rows));
            for (int j = 0; j < width; j++) rows[3][j] *= -1e9f;
            if (f > 1) rows[5][width / 2] = float.NaN;
            results.Add(SampleRows.Aggregate(device, ours, rows));
        }

        return [.. results];
    }
}
