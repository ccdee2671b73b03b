namespace Detox.Gpu.Aggregation;

/// <summary>The least ball around a vector that holds a majority of the vectors: where honest ones are the majority, it holds one of them and reaches no
/// further than they lie apart.</summary>
/// <param name="Centre">The vector in the middle; of several such vectors the first.</param>
/// <param name="SquaredRadius">+inf where no ball holds a majority: most vectors have a NaN or an infinity.</param>
internal readonly record struct MajorityBall(int Centre, double SquaredRadius)
{
    /// <summary>A vector further off than so many radii pulls a point in a direction that float32 distances no longer resolve.</summary>
    public const double FarthestRadii = 1e4;

    /// <param name="sorted">Room for n distances.</param>
    public static MajorityBall Find(ReadOnlySpan<double> squaredDistances, Span<double> sorted)
    {
        int n = sorted.Length;
        MajorityBall least = new(0, double.PositiveInfinity);
        for (int i = 0; i < n; i++)
        {
            squaredDistances.Slice(i * n, n).CopyTo(sorted);
            sorted.Sort();
            if (sorted[n / 2] < least.SquaredRadius) least = new(i, sorted[n / 2]);
        }

        return least;
    }

    /// <summary>Marks with 1 the vectors that lie so near to the centre, with 0 the others.</summary>
    /// <returns>How many they are.</returns>
    public int Mark(ReadOnlySpan<double> squaredDistances, double squaredReach, Span<double> marks)
    {
        int n = marks.Length, count = 0;
        for (int i = 0; i < n; i++)
        {
            double distance = squaredDistances[(Centre * n) + i];
            bool isNear = double.IsFinite(SquaredRadius) && double.IsFinite(distance) && distance <= squaredReach;
            marks[i] = isNear ? 1 : 0;
            if (isNear) count++;
        }

        return count;
    }
}
