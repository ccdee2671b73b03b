using System.Globalization;
using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>Divide and conquer: on random coordinates, the floor(c f) rows with the largest squared projections on the direction in which the rows spread most are dropped;
/// the result is the mean of the rows that no round has dropped.</summary>
/// <remarks>In each round so many coordinates, drawn without repetition; all, where the rows have no more. The direction is the top eigenvector of their covariance (see <see cref="Covariance"/>), exactly. Of equal projections
/// the lower index's row is kept. A row at no finite distance from the centre of the ball that holds a majority is dropped first. Where the rounds together drop every row, those dropped least often are the result's.
/// Source: Shejwalkar, Houmansadr 2021, "Manipulating the Byzantine: optimizing model poisoning attacks and defenses for federated learning".</remarks>
public sealed class DncRule(int f, int dimensions, int rounds, double c) : AggregationRule
{
    private const ulong Purpose = 0x646E63; // "dnc"

    private readonly Covariance _covariance = new();
    private readonly RandomColumns _random = new();
    private DeviceBuffer? _gathered;
    private long[] _columns = [];
    private long[] _gatheredOffsets = [];
    private double[] _distances = [];
    private double[] _sorted = [];
    private double[] _shares = [];
    private double[] _projections = [];
    private double[] _weights = [];
    private int[] _order = [];
    private int[] _dropped = [];

    public override string Name => string.Create(CultureInfo.InvariantCulture, $"dnc(f={f},dimensions={dimensions},rounds={rounds},c={c})");

    public override int RowsNeeded => Math.Max((2 * f) + 1, RowsComputable);

    public override string RowsNeededText => RowsNeeded > (2 * f) + 1 ? $"{RowsNeeded} rows to drop {Drops} of them" : $"2f+1 = {RowsNeeded} rows for f = {f}";

    public override int RowsComputable => Drops + 1;

    private int Drops => (int)Math.Floor(c * f);

    public override RuleWork Work(int rows, long width) => RuleWork.Distances(rows, Math.Min(width, (long)dimensions * rounds)) + RuleWork.Sum(Math.Max(rows - Drops, 1), width);

    public override void Dispose()
    {
        _gathered?.Dispose();
        base.Dispose();
    }

    protected internal override void Reduce(Vectors vectors, View output)
    {
        int n = vectors.Count;
        Span<int> order = Scratch(ref _order, n), dropped = Scratch(ref _dropped, n);
        dropped.Clear();
        bool isWhole = dimensions >= vectors.Width;
        for (int round = 0; round < (isWhole ? 1 : rounds); round++)
        {
            Span<double> distances = Scratch(ref _distances, n * n), projections = Scratch(ref _projections, n);
            if (isWhole) vectors.Distances.CopyTo(distances);
            else Sample(vectors, round, distances);
            Project(distances, projections);
            Indices.ByKeys(projections, order);
            foreach (int i in order[(n - Drops)..]) dropped[i]++;
        }

        int least = dropped[0];
        foreach (int count in dropped) least = Math.Min(least, count);
        Span<double> weights = Scratch(ref _weights, n);
        int kept = 0;
        for (int i = 0; i < n; i++)
        {
            weights[i] = dropped[i] == least ? 1 : 0;
            if (dropped[i] == least) kept++;
        }

        vectors.WeightedSum(weights, kept, output);
    }

    private void Sample(Vectors vectors, int round, Span<double> distances)
    {
        int n = vectors.Count;
        Span<long> columns = Scratch(ref _columns, dimensions);
        _random.Draw(new SeededRandom(vectors.Seed, Purpose, (ulong)round), vectors.Width, columns);
        _gathered ??= vectors.Device.Allocate((long)n * dimensions);
        if (_gathered.Length < (long)n * dimensions)
        {
            _gathered.Dispose();
            _gathered = vectors.Device.Allocate((long)n * dimensions);
        }

        View gathered = _gathered.All.Slice(0, (long)n * dimensions);
        vectors.Device.Run(new GatherColumns(vectors.Rows, columns, gathered));
        vectors.Device.Run(new PairwiseSquaredDistances(Rows.Regular(gathered, dimensions, dimensions, Scratch(ref _gatheredOffsets, n)), distances));
    }

    private void Project(ReadOnlySpan<double> distances, Span<double> projections)
    {
        int n = projections.Length, near = 0;
        MajorityBall ball = MajorityBall.Find(distances, Scratch(ref _sorted, n));
        Span<double> shares = Scratch(ref _shares, n);
        for (int i = 0; i < n; i++)
        {
            shares[i] = double.IsFinite(distances[(ball.Centre * n) + i]) ? 1 : 0;
            if (shares[i] != 0) near++;
        }

        for (int i = 0; i < n; i++) shares[i] /= near;
        _covariance.Top(shares, distances, projections);
        for (int i = 0; i < n; i++)
            if (shares[i] == 0) projections[i] = double.PositiveInfinity;
    }
}
