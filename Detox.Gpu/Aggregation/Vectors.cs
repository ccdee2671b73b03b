using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>The vectors that a rule reduces: rows of a device's memory, or combinations of them that pre-rules made.</summary>
/// <remarks>A combination is a weighted sum of the rows, and stays one: distances and norms of combinations follow from those of the rows, in double
/// (see <see cref="WeightedSquare"/>). So a rule that weighs vectors by their distances needs no second matrix, however many pre-rules come before it. Only where
/// rows are so much longer than what is made of them that nothing would be known of a distance, or where a rule asks for rows, the combinations are computed, and are rows from then on. Distances and norms of rows are measured when
/// they are first asked for, once. A vector with a part in rows that are at no finite distance from one another is at no finite distance
/// from any other. It keeps its memory from call to call and belongs to one thread at a time.</remarks>
public sealed class Vectors : IDisposable
{
    // Columns that are combined at a time: those of all rows stay in the cache for the next combination.
    private const int Stripe = 32 * 1024;

    private Device? _device;
    private View _memory;
    private long[] _offsets = [];
    private int _rows;

    // [vector][row], where they are combinations; and the memory for the next ones.
    private bool _areCombinations;
    private double[] _weights = [];
    private double[] _next = [];
    private bool _areAffine;

    private double[] _rowDistances = [];
    private double[] _rowNorms = [];
    private bool _haveRowDistances;
    private bool _haveRowNorms;
    private double[] _distances = [];
    private double[] _norms = [];
    private double[] _combination = [];
    private bool[] _isFar = [];
    private float[] _rounded = [];
    private bool _areRowsMade;
    private DeviceBuffer? _made;
    private DeviceBuffer? _other;
    private long[] _otherOffsets = [];

    public Device Device => _device ?? throw new InvalidOperationException("No rows have been taken.");

    /// <summary>n.</summary>
    public int Count { get; private set; }

    /// <summary>Floats in a vector.</summary>
    public long Width { get; private set; }

    /// <summary>What everything random in a rule depends on: another one every step.</summary>
    public ulong Seed { get; private set; }

    /// <summary>The vectors as rows.</summary>
    public Rows Rows
    {
        get
        {
            if (_areCombinations) Make();
            return BaseRows;
        }
    }

    /// <summary>n x n, squared, symmetric; +inf where a distance is not finite.</summary>
    public ReadOnlySpan<double> Distances
    {
        get
        {
            if (!_areCombinations) return RowDistances;
            Span<double> distances = AggregationRule.Scratch(ref _distances, Count * Count);
            if (Derive(distances)) return distances;
            Make();
            return RowDistances;
        }
    }

    /// <summary>n, squared, from one of the vectors; +inf where one is not finite.</summary>
    public void DistancesFrom(int vector, Span<double> distances)
    {
        if (!_areCombinations && !_haveRowDistances) Device.Run(new SquaredDistances(Rows, Rows[vector], distances));
        else Distances.Slice(vector * Count, Count).CopyTo(distances);
    }

    /// <summary>n, squared; +inf where one is not finite.</summary>
    public ReadOnlySpan<double> Norms
    {
        get
        {
            if (!_areCombinations) return RowNorms;
            Span<double> norms = AggregationRule.Scratch(ref _norms, Count);
            if (DeriveNorms(norms)) return norms;
            Make();
            return RowNorms;
        }
    }

    /// <summary>What combinations are of.</summary>
    private Rows BaseRows => new(_memory, _offsets.AsSpan(0, _rows), Width);

    private ReadOnlySpan<double> RowDistances
    {
        get
        {
            Span<double> distances = AggregationRule.Scratch(ref _rowDistances, _rows * _rows);
            if (!_haveRowDistances) Device.Run(new PairwiseSquaredDistances(BaseRows, distances));
            _haveRowDistances = true;
            return distances;
        }
    }

    private ReadOnlySpan<double> RowNorms
    {
        get
        {
            Span<double> norms = AggregationRule.Scratch(ref _rowNorms, _rows);
            if (!_haveRowNorms) Device.Run(new SquaredDistances(BaseRows, null, norms));
            _haveRowNorms = true;
            return norms;
        }
    }

    /// <summary>The vectors are these rows from now on.</summary>
    public void Take(Device device, Rows rows, ulong seed)
    {
        _device = device;
        _memory = rows.Memory;
        _rows = Count = rows.Count;
        Width = rows.Width;
        Seed = seed;
        rows.Offsets.CopyTo(AggregationRule.Scratch(ref _offsets, _rows));
        _areRowsMade = _areCombinations = false;
        _areAffine = true;
        _haveRowDistances = _haveRowNorms = false;
    }

    /// <summary>The vectors are so many weighted sums of what they were. A vector whose weight is exactly 0 is no part of one.</summary>
    /// <param name="weights">[combination][vector].</param>
    /// <param name="areAffine">Whether the weights of each combination have the sum 1, so that where the origin lies does not matter.</param>
    public void Combine(int count, ReadOnlySpan<double> weights, bool areAffine)
    {
        double[] combined = _next.Length >= count * _rows ? _next : new double[count * _rows];
        Array.Clear(combined);
        for (int i = 0; i < count; i++)
        {
            for (int k = 0; k < Count; k++)
            {
                double weight = weights[(i * Count) + k];
                if (weight == 0) continue;
                if (!_areCombinations) combined[(i * _rows) + k] = weight;
                else for (int row = 0; row < _rows; row++) combined[(i * _rows) + row] += weight * _weights[(k * _rows) + row];
            }
        }

        (_weights, _next) = (combined, _weights);
        _areCombinations = true;
        _areAffine &= areAffine;
        Count = count;
    }

    /// <summary>output = (sum of weights[i] times vector i) / divisor, as <see cref="Kernels.WeightedSum"/>. A single vector of which the whole is taken is copied.</summary>
    public void WeightedSum(ReadOnlySpan<double> weights, float divisor, View output)
    {
        if (_areCombinations)
        {
            Span<double> combination = AggregationRule.Scratch(ref _combination, _rows);
            combination.Clear();
            for (int i = 0; i < Count; i++)
                if (weights[i] != 0)
                    for (int row = 0; row < _rows; row++) combination[row] += weights[i] * Of(i)[row];
            weights = combination;
        }

        Sum(BaseRows, weights, divisor, output);
    }

    public void Dispose()
    {
        _made?.Dispose();
        _other?.Dispose();
    }

    // Whether all weights that are not 0 are one.
    private static bool IsMean(ReadOnlySpan<double> weights, out int first, out int count, out double share)
    {
        (first, count, share) = (-1, 0, 0);
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] == 0) continue;
            if (count++ == 0) (first, share) = (i, weights[i]);
            else if (weights[i] != share) return false;
        }

        return count > 0;
    }

    /// <remarks>What rounding the weights to float32 changes in their sum is taken back by the divisor, so that the mean of equal rows is that row.</remarks>
    private void Sum(Rows rows, ReadOnlySpan<double> weights, float divisor, View output)
    {
        Span<float> rounded = AggregationRule.Scratch(ref _rounded, _rows);
        if (IsMean(weights, out int first, out int count, out double share))
        {
            if (count == 1 && share == divisor)
            {
                Device.Copy(rows[first], output);
                return;
            }

            for (int row = 0; row < _rows; row++) rounded[row] = weights[row] == 0 ? 0 : 1;
            Device.Run(new WeightedSum(rows, rounded, (float)(divisor / share), output));
            return;
        }

        double sum = 0, sumOfRounded = 0;
        for (int row = 0; row < _rows; row++)
        {
            rounded[row] = (float)weights[row];
            sum += weights[row];
            sumOfRounded += rounded[row];
        }

        if (sum > 0) divisor = (float)(divisor * (sumOfRounded / sum));
        Device.Run(new WeightedSum(rows, rounded, divisor, output));
    }

    /// <summary>Computes the combinations, which are the rows from now on. What they are of may have been made before: then there are two pieces of memory.</summary>
    private void Make()
    {
        if (_areRowsMade) (_made, _other) = (_other, _made);
        if (_made is null || _made.Length < Count * Width)
        {
            _made?.Dispose();
            _made = Device.Allocate(Count * Width);
        }

        Span<long> offsets = AggregationRule.Scratch(ref _otherOffsets, Math.Max(Count, _rows));
        for (long first = 0; first < Width; first += Stripe)
        {
            long columns = Math.Min(Stripe, Width - first);
            for (int row = 0; row < _rows; row++) offsets[row] = _offsets[row] + first;
            for (int i = 0; i < Count; i++) Sum(new Rows(_memory, offsets[.._rows], columns), Of(i), 1, _made.All.Slice((i * Width) + first, columns));
        }

        for (int i = 0; i < Count; i++) offsets[i] = i * Width;
        (_offsets, _otherOffsets) = (_otherOffsets, _offsets);
        _memory = _made.All;
        _areRowsMade = true;
        _rows = Count;
        _areCombinations = false;
        _areAffine = true;
        _haveRowDistances = _haveRowNorms = false;
    }

    /// <summary>False where some distance is not known from those of the rows.</summary>
    private bool Derive(Span<double> distances)
    {
        ReadOnlySpan<double> rowDistances = RowDistances, rowNorms = _areAffine ? [] : RowNorms;
        Span<double> difference = AggregationRule.Scratch(ref _combination, _rows);
        Span<bool> isFar = AggregationRule.Scratch(ref _isFar, Count);
        bool areKnown = true;
        for (int i = 0; i < Count; i++)
        {
            ReadOnlySpan<double> x = Of(i);
            isFar[i] = double.IsInfinity(WeightedSquare.Of(x, rowDistances, [], out _));
            distances[(i * Count) + i] = 0;
            for (int j = 0; j < i; j++)
            {
                ReadOnlySpan<double> y = Of(j);
                for (int row = 0; row < _rows; row++) difference[row] = x[row] - y[row];
                double square = WeightedSquare.Of(difference, rowDistances, rowNorms, out bool isKnown);
                if (isFar[i] || isFar[j]) (square, isKnown) = (double.PositiveInfinity, true);
                distances[(i * Count) + j] = distances[(j * Count) + i] = square;
                areKnown &= isKnown;
            }
        }

        return areKnown;
    }

    /// <summary>False where some norm is not known from those of the rows.</summary>
    private bool DeriveNorms(Span<double> norms)
    {
        bool areKnown = true;
        for (int i = 0; i < Count; i++)
        {
            // One row in some size has a norm that no distance is needed for.
            ReadOnlySpan<double> x = Of(i);
            bool isOne = x.Count(0.0) >= _rows - 1;
            norms[i] = WeightedSquare.Of(x, isOne ? [] : RowDistances, RowNorms, out bool isKnown);
            areKnown &= isKnown;
        }

        return areKnown;
    }

    private ReadOnlySpan<double> Of(int vector) => _weights.AsSpan(vector * _rows, _rows);
}
