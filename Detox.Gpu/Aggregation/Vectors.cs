using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>The vectors that a rule reduces: rows of a device's memory, or combinations of them that pre-rules made.</summary>
/// <remarks>A combination is a weighted sum of the rows, and stays one: distances and norms of combinations follow from those of the rows, in double,
/// ||sum_k c_k x_k||^2 = -(1/2) sum_kl c_k c_l D_kl for weights c of the sum 0, where the origin counts as a row. So a rule that
/// weighs vectors by their distances needs no second matrix, however many pre-rules come before it. Distances and norms are measured when
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

    // [vector][row], where they are combinations.
    private double[]? _weights;
    private bool _areAffine;
    private double[] _next = [];

    private double[] _rowDistances = [];
    private double[] _rowNorms = [];
    private bool _haveRowDistances;
    private bool _haveRowNorms;
    private double[] _distances = [];
    private double[] _norms = [];
    private double[] _products = [];
    private float[] _rounded = [];
    private DeviceBuffer? _made;
    private long[] _madeOffsets = [];
    private bool _areMade;

    public Device Device => _device ?? throw new InvalidOperationException("No rows have been taken.");

    /// <summary>n.</summary>
    public int Count { get; private set; }

    /// <summary>Floats in a vector.</summary>
    public long Width { get; private set; }

    /// <summary>What everything random in a rule depends on: another one every step.</summary>
    public ulong Seed { get; private set; }

    /// <summary>The vectors as rows. Combinations are computed when they are first asked for so, into memory of their own.</summary>
    public Rows Rows
    {
        get
        {
            if (_weights is null) return new Rows(_memory, _offsets.AsSpan(0, _rows), Width);
            if (!_areMade) Make();
            return new Rows(_made!.All, _madeOffsets.AsSpan(0, Count), Width);
        }
    }

    /// <summary>n x n, squared, symmetric; +inf where a distance is not finite.</summary>
    public ReadOnlySpan<double> Distances
    {
        get
        {
            if (_weights is null) return RowDistances;
            Span<double> distances = AggregationRule.Scratch(ref _distances, Count * Count);
            Derive(distances);
            return distances;
        }
    }

    /// <summary>n, squared, from one of the vectors; +inf where one is not finite.</summary>
    public void DistancesFrom(int vector, Span<double> distances)
    {
        if (_weights is null && !_haveRowDistances) Device.Run(new SquaredDistances(Rows, Rows[vector], distances));
        else Distances.Slice(vector * Count, Count).CopyTo(distances);
    }

    /// <summary>n, squared; +inf where one is not finite.</summary>
    public ReadOnlySpan<double> Norms
    {
        get
        {
            if (_weights is null) return RowNorms;
            Span<double> norms = AggregationRule.Scratch(ref _norms, Count);
            for (int i = 0; i < Count; i++) norms[i] = NormOf(i);
            return norms;
        }
    }

    private ReadOnlySpan<double> RowDistances
    {
        get
        {
            Span<double> distances = AggregationRule.Scratch(ref _rowDistances, _rows * _rows);
            if (!_haveRowDistances) Device.Run(new PairwiseSquaredDistances(new Rows(_memory, _offsets.AsSpan(0, _rows), Width), distances));
            _haveRowDistances = true;
            return distances;
        }
    }

    private ReadOnlySpan<double> RowNorms
    {
        get
        {
            Span<double> norms = AggregationRule.Scratch(ref _rowNorms, _rows);
            if (!_haveRowNorms) Device.Run(new SquaredDistances(new Rows(_memory, _offsets.AsSpan(0, _rows), Width), null, norms));
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
        _weights = null;
        _areAffine = true;
        _haveRowDistances = _haveRowNorms = _areMade = false;
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
                if (_weights is null) combined[(i * _rows) + k] = weight;
                else for (int row = 0; row < _rows; row++) combined[(i * _rows) + row] += weight * _weights[(k * _rows) + row];
            }
        }

        (_weights, _next) = (combined, _weights ?? _next);
        _areAffine &= areAffine;
        _areMade = false;
        Count = count;
    }

    /// <summary>output = (sum of weights[i] times vector i) / divisor, as <see cref="Kernels.WeightedSum"/>. A single vector of which the whole is taken is copied.</summary>
    /// <remarks>What rounding the weights to float32 changes in their sum is taken back by the divisor, so that the mean of equal vectors is that vector.</remarks>
    public void WeightedSum(ReadOnlySpan<double> weights, float divisor, View output)
    {
        Span<float> rounded = AggregationRule.Scratch(ref _rounded, _rows);
        if (_weights is null && IsMean(weights, out int first, out int count, out double share))
        {
            if (count == 1 && share == divisor)
            {
                Device.Copy(Rows[first], output);
                return;
            }

            for (int row = 0; row < _rows; row++) rounded[row] = weights[row] == 0 ? 0 : 1;
            Device.Run(new WeightedSum(Rows, rounded, (float)(divisor / share), output));
            return;
        }

        double sum = 0, sumOfRounded = 0;
        for (int row = 0; row < _rows; row++)
        {
            double weight = _weights is null ? weights[row] : WeightOf(row, weights);
            rounded[row] = (float)weight;
            sum += weight;
            sumOfRounded += rounded[row];
        }

        if (sum > 0) divisor = (float)(divisor * (sumOfRounded / sum));
        Device.Run(new WeightedSum(new Rows(_memory, _offsets.AsSpan(0, _rows), Width), rounded, divisor, output));
    }

    public void Dispose() => _made?.Dispose();

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

    private double WeightOf(int row, ReadOnlySpan<double> weights)
    {
        double sum = 0;
        for (int i = 0; i < Count; i++)
            if (weights[i] != 0) sum += weights[i] * _weights![(i * _rows) + row];
        return sum;
    }

    private void Make()
    {
        if (_made is null || _made.Length < Count * Width)
        {
            _made?.Dispose();
            _made = Device.Allocate(Count * Width);
        }

        Span<float> rounded = AggregationRule.Scratch(ref _rounded, _rows);
        Span<long> offsets = AggregationRule.Scratch(ref _madeOffsets, Math.Max(Count, _rows));
        for (long first = 0; first < Width; first += Stripe)
        {
            long columns = Math.Min(Stripe, Width - first);
            for (int row = 0; row < _rows; row++) offsets[row] = _offsets[row] + first;
            for (int i = 0; i < Count; i++)
            {
                for (int row = 0; row < _rows; row++) rounded[row] = (float)_weights![(i * _rows) + row];
                Device.Run(new WeightedSum(new Rows(_memory, offsets[.._rows], columns), rounded, 1, _made.All.Slice((i * Width) + first, columns)));
            }
        }

        for (int i = 0; i < Count; i++) offsets[i] = i * Width;
        _areMade = true;
    }

    // With S_ij = sum_kl a_ik a_jl D_kl, D'_ij = S_ij - (S_ii + S_jj) / 2.
    private void Derive(Span<double> distances)
    {
        int n = Count;
        Span<double> products = AggregationRule.Scratch(ref _products, _rows), own = AggregationRule.Scratch(ref _norms, n);
        for (int i = 0; i < n; i++)
        {
            ProductsOf(i, products);
            for (int j = 0; j < n; j++) distances[(i * n) + j] = Dot(products, j) + (_areAffine ? 0 : OriginOf(i, j));
            own[i] = distances[(i * n) + i];
        }

        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                distances[(i * n) + j] = i == j ? 0 : FiniteOrInfinity(Math.Max(distances[(i * n) + j] - ((own[i] + own[j]) / 2), 0));
        for (int i = 0; i < n; i++)
        {
            // Rows that are too far from a part of this vector: whoever has a part in them is, too.
            if (!FarFrom(i, products)) continue;
            for (int j = 0; j < n; j++)
                if (i != j && (Dot(products, j, absolute: true) > 0 || Dot(products, i, absolute: true) > 0))
                    distances[(i * n) + j] = distances[(j * n) + i] = double.PositiveInfinity;
        }
    }

    /// <summary>sum_k a_ik D_kl for every row l; what is not finite is left out.</summary>
    private void ProductsOf(int i, Span<double> products)
    {
        ReadOnlySpan<double> a = Of(i), distances = RowDistances;
        products.Clear();
        for (int k = 0; k < _rows; k++)
        {
            if (a[k] == 0) continue;
            ReadOnlySpan<double> row = distances.Slice(k * _rows, _rows);
            for (int l = 0; l < _rows; l++)
                if (double.IsFinite(row[l])) products[l] += a[k] * row[l];
        }
    }

    /// <summary>Marks the rows at no finite distance from some part of a vector; false where there is none.</summary>
    private bool FarFrom(int i, Span<double> marks)
    {
        ReadOnlySpan<double> a = Of(i), distances = RowDistances;
        bool any = false;
        for (int l = 0; l < _rows; l++)
        {
            marks[l] = 0;
            for (int k = 0; k < _rows; k++)
                if (a[k] != 0 && double.IsInfinity(distances[(k * _rows) + l])) marks[l] = 1;
            any |= marks[l] != 0;
        }

        return any;
    }

    private double Dot(ReadOnlySpan<double> values, int vector, bool absolute = false)
    {
        ReadOnlySpan<double> a = Of(vector);
        double sum = 0;
        for (int k = 0; k < _rows; k++)
            if (a[k] != 0) sum += (absolute ? Math.Abs(a[k]) : a[k]) * values[k];
        return sum;
    }

    // What the origin, with the rest of either's weight to the sum 1, adds to S_ij.
    private double OriginOf(int i, int j) => ((1 - SumOf(i)) * NormsOf(j)) + ((1 - SumOf(j)) * NormsOf(i));

    private double SumOf(int vector)
    {
        double sum = 0;
        foreach (double weight in Of(vector)) sum += weight;
        return sum;
    }

    // sum_k a_k N_k: with the origin's own norm, 0, that is all.
    private double NormsOf(int vector) => Dot(RowNorms, vector);

    private double NormOf(int i)
    {
        ReadOnlySpan<double> a = Of(i);
        int parts = 0, only = 0;
        for (int k = 0; k < _rows; k++)
        {
            if (a[k] == 0) continue;
            if (double.IsInfinity(RowNorms[k])) return double.PositiveInfinity;
            only = k;
            parts++;
        }

        // One row in some size has a norm that no distance is needed for.
        if (parts <= 1) return a[only] * a[only] * RowNorms[only];
        Span<double> products = AggregationRule.Scratch(ref _products, _rows);
        ProductsOf(i, products);
        return FiniteOrInfinity(Math.Max((SumOf(i) * NormsOf(i)) - (Dot(products, i) / 2), 0));
    }

    private ReadOnlySpan<double> Of(int vector) => _weights.AsSpan(vector * _rows, _rows);

    private static double FiniteOrInfinity(double value) => double.IsFinite(value) ? value : double.PositiveInfinity;
}
