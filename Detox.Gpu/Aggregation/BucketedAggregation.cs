using Detox.Gpu.Devices;

namespace Detox.Gpu.Aggregation;

/// <summary>Two rules joined: the rows are shuffled into buckets, the within-rule reduces each, the across-rule the results.</summary>
/// <remarks>The sizes of the buckets differ by at most one; the first ones are the larger. Where there are as many buckets
/// as rows, or more, or 0 are asked for, there is no bucketing: the across-rule works on the rows in their order.
/// Source: Rajput, Wang, Charles, Papailiopoulos 2019, "DETOX: a redundancy-based framework for faster and more robust
/// gradient aggregation".</remarks>
public sealed class BucketedAggregation : IDisposable
{
    private readonly Device _device;
    private readonly AggregationRule _within;
    private readonly AggregationRule _across;
    private readonly int _buckets;
    private readonly long _width;
    private readonly DeviceBuffer? _results;
    private readonly long[] _rows;
    private readonly long[] _resultRows;

    /// <param name="within">Disposed with this.</param>
    /// <param name="across">Disposed with this.</param>
    /// <param name="buckets">0: no bucketing.</param>
    /// <param name="maximumRows">The most rows that will come.</param>
    /// <param name="width">Floats in a row.</param>
    public BucketedAggregation(Device device, AggregationRule within, AggregationRule across, int buckets, int maximumRows, long width)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(buckets);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maximumRows);
        _device = device;
        _within = within;
        _across = across;
        _buckets = buckets;
        _width = width;
        _rows = new long[maximumRows];
        _resultRows = new long[buckets];
        if (Bucketed(buckets, maximumRows)) _results = device.Allocate(buckets * width);
    }

    /// <summary>Null, or why so many winners cannot be aggregated, in one sentence with the numbers.</summary>
    public string? Problem(int winners)
        => winners <= _rows.Length ? Problem(_within, _across, _buckets, winners)
            : $"{winners} winners are more than the {_rows.Length} that there is room for";

    /// <summary>The same before there is a device: what two rules joined by buckets say to a number of winners.</summary>
    public static string? Problem(AggregationRule within, AggregationRule across, int buckets, int winners)
    {
        if (winners < 1) return "there is no winner to aggregate";
        if (!Bucketed(buckets, winners))
        {
            return winners >= across.RowsNeeded ? across.Excess(winners)
                : $"{across.Name} needs {across.RowsNeededText}; there {(winners == 1 ? "is 1 winner" : $"are {winners} winners")}";
        }

        int smallest = winners / buckets;
        if (smallest < within.RowsNeeded)
            return $"{within.Name} needs {within.RowsNeededText}; a bucket of {winners} winners in {buckets} buckets has {smallest}";
        int largest = (winners + buckets - 1) / buckets;
        if (within.Excess(largest) is { } excess) return excess;
        return buckets >= across.RowsNeeded ? across.Excess(buckets)
            : $"{across.Name} needs {across.RowsNeededText}; {(buckets == 1 ? "there is 1 bucket" : $"there are {buckets} buckets")}";
    }

    /// <summary>What its rules keep from step to step, under "within." and "across.": see <see cref="AggregationRule.Kept"/>.</summary>
    public IReadOnlyList<(string Name, View Values)> Kept() =>
    [
        .. (_results is null ? [] : _within.Kept(_device, _width)).Select(kept => ($"within.{kept.Name}", kept.Values)),
        .. _across.Kept(_device, _width).Select(kept => ($"across.{kept.Name}", kept.Values)),
    ];

    /// <summary>output = the aggregate of the rows. The output must not overlap them.</summary>
    /// <param name="shuffleSeed">Decides which rows share a bucket, and all else that is random: another one every step.</param>
    /// <exception cref="ArgumentException"><see cref="Problem(int)"/> has something to say about the number of rows.</exception>
    public void Aggregate(Rows rows, ulong shuffleSeed, View output)
    {
        int n = rows.Count;
        if (Problem(n) is { } problem) throw new ArgumentException($"Cannot aggregate: {problem}.", nameof(rows));
        if (!Bucketed(_buckets, n))
        {
            _across.Aggregate(_device, rows, output, shuffleSeed);
            return;
        }

        Span<long> shuffled = _rows.AsSpan(0, n);
        rows.Offsets.CopyTo(shuffled);
        new SeededRandom(shuffleSeed).Shuffle(shuffled);
        int first = 0;
        for (int bucket = 0; bucket < _buckets; bucket++)
        {
            int size = (n / _buckets) + (bucket < n % _buckets ? 1 : 0);
            var members = new Rows(rows.Memory, shuffled.Slice(first, size), _width);
            _within.Aggregate(_device, members, _results!.All.Slice(bucket * _width, _width), shuffleSeed);
            first += size;
        }

        _across.Aggregate(_device, Rows.Regular(_results!.All, _width, _width, _resultRows), output, shuffleSeed);
    }

    public void Dispose()
    {
        _results?.Dispose();
        _within.Dispose();
        _across.Dispose();
    }

    private static bool Bucketed(int buckets, int rows) => buckets > 0 && buckets < rows;
}
