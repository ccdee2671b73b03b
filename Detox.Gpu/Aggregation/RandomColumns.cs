namespace Detox.Gpu.Aggregation;

/// <summary>Random columns without repetition.</summary>
internal sealed class RandomColumns
{
    private readonly HashSet<long> _drawn = [];

    /// <summary>Draws as many of so many columns as there are places, ascending: every set of them is equally likely.</summary>
    /// <remarks>Floyd's algorithm: Bentley, Floyd 1987, "A sample of brilliance". A draw is unfair by less than width / 2^64.</remarks>
    public void Draw(SeededRandom random, long width, Span<long> columns)
    {
        _drawn.Clear();
        int count = 0;
        for (long last = width - columns.Length; last < width; last++)
        {
            long column = (long)Math.BigMul(random.NextBits(), (ulong)(last + 1), out _);
            if (!_drawn.Add(column))
            {
                column = last;
                _drawn.Add(last);
            }

            columns[count++] = column;
        }

        columns.Sort();
    }
}
