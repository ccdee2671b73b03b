using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>SignGuard: the mean of the rows whose length and whose shares of positive and negative coordinates are usual, each clipped to the median length.</summary>
/// <remarks>Usual lengths are 0.1 to 3 medians of all lengths. Usual shares are those of the largest cluster of mean shift with a flat kernel, over the shares of positive, zero and negative values among a tenth of the coordinates, drawn at random,
/// at least one; its bandwidth is the mean distance to the n/2th nearest row, itself counted. A point's shifts end where they are below a thousandth of the bandwidth; an end within a bandwidth of the first end of an earlier cluster is that cluster's; of
/// equally large clusters the one of the lowest index. A row with a NaN or an infinity takes no part. Where no row is usual in both, the lengths decide; where none is finite, the result is the plain mean, which shows it.
/// Source: Xu, Huang, Hou, Lyu, Luo 2022, "Byzantine-robust federated learning through collaborative malicious gradient filtering".</remarks>
public sealed class SignGuardRule : AggregationRule
{
    private const ulong Purpose = 0x7369676E73; // "signs"
    private const double Shortest = 0.1, Longest = 3;
    private const int Share = 10;

    private readonly MeanShift _clusters = new();
    private readonly RandomColumns _random = new();
    private DeviceBuffer? _gathered;
    private long[] _columns = [];
    private float[] _values = [];
    private double[] _lengths = [];
    private double[] _sorted = [];
    private double[] _features = [];
    private bool[] _isUsual = [];
    private double[] _weights = [];

    public override string Name => "signguard";

    public override int RowsNeeded => 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Norms(rows, width) + RuleWork.Sum(rows, width);

    public override void Dispose()
    {
        _gathered?.Dispose();
        base.Dispose();
    }

    protected internal override void Reduce(Vectors vectors, View output)
    {
        int n = vectors.Count;
        Span<double> lengths = Scratch(ref _lengths, n), sorted = Scratch(ref _sorted, n), weights = Scratch(ref _weights, n);
        vectors.Norms.CopyTo(lengths);
        for (int i = 0; i < n; i++) lengths[i] = Math.Sqrt(lengths[i]);
        lengths.CopyTo(sorted);
        sorted.Sort();
        int finite = 0;
        while (finite < n && double.IsFinite(sorted[finite])) finite++;
        if (finite == 0)
        {
            weights.Fill(1);
            vectors.WeightedSum(weights, n, output);
            return;
        }

        double median = (sorted[(finite - 1) / 2] + sorted[finite / 2]) / 2;
        Span<bool> isUsual = Scratch(ref _isUsual, n);
        for (int i = 0; i < n; i++) isUsual[i] = double.IsFinite(lengths[i]);
        _clusters.KeepLargest(SignShares(vectors), isUsual);
        int count = Weigh(lengths, median, isUsual, weights);
        if (count == 0)
        {
            isUsual.Fill(true);
            count = Weigh(lengths, median, isUsual, weights);
        }

        vectors.WeightedSum(weights, count, output);
    }

    private static int Weigh(ReadOnlySpan<double> lengths, double median, ReadOnlySpan<bool> isUsual, Span<double> weights)
    {
        int count = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] = 0;
            if (!isUsual[i] || !double.IsFinite(lengths[i]) || lengths[i] < Shortest * median || lengths[i] > Longest * median) continue;
            weights[i] = lengths[i] <= median ? 1 : median / lengths[i];
            count++;
        }

        return count;
    }

    /// <summary>[row][positive, zero, negative].</summary>
    private ReadOnlySpan<double> SignShares(Vectors vectors)
    {
        int n = vectors.Count, columns = checked((int)((vectors.Width + Share - 1) / Share));
        Span<long> drawn = Scratch(ref _columns, columns);
        _random.Draw(new SeededRandom(vectors.Seed, Purpose), vectors.Width, drawn);
        if (_gathered is null || _gathered.Length < (long)n * columns)
        {
            _gathered?.Dispose();
            _gathered = vectors.Device.Allocate((long)n * columns);
        }

        View gathered = _gathered.All.Slice(0, (long)n * columns);
        vectors.Device.Run(new GatherColumns(vectors.Rows, drawn, gathered));
        Span<float> values = Scratch(ref _values, n * columns);
        vectors.Device.Read(gathered, values);
        Span<double> features = Scratch(ref _features, MeanShift.Features * n);
        for (int i = 0; i < n; i++)
        {
            int positive = 0, negative = 0;
            foreach (float value in values.Slice(i * columns, columns))
            {
                if (value > 0) positive++;
                if (value < 0) negative++;
            }

            features[3 * i] = (double)positive / columns;
            features[(3 * i) + 1] = (double)(columns - positive - negative) / columns;
            features[(3 * i) + 2] = (double)negative / columns;
        }

        return features;
    }
}
