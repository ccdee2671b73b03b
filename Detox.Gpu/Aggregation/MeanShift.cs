namespace Detox.Gpu.Aggregation;

/// <summary>Clusters of points with three features: mean shift with a flat kernel.</summary>
/// <remarks>Every point moves to the mean of the points within the bandwidth, until it stands. The bandwidth is the mean, over the points, of the distance to the half of the points
/// nearest to each, itself counted. Source: Comaniciu, Meer 2002, "Mean shift: a robust approach toward feature space analysis".</remarks>
internal sealed class MeanShift
{
    public const int Features = 3;

    private const int MostShifts = 300;
    private const double Stands = 1e-3;

    private double[] _ends = [];
    private double[] _distances = [];
    private int[] _clusters = [];

    /// <summary>Leaves only the members of the largest cluster marked; of equally large ones the first.</summary>
    /// <param name="points">[point][feature].</param>
    /// <param name="marks">The points that take part.</param>
    public void KeepLargest(ReadOnlySpan<double> points, Span<bool> marks)
    {
        int n = marks.Length;
        if (_clusters.Length < n)
        {
            _ends = new double[n * Features];
            _distances = new double[n];
            _clusters = new int[n];
        }

        double bandwidth = Bandwidth(points, marks);
        points.CopyTo(_ends);
        for (int i = 0; i < n; i++)
            if (marks[i]) Shift(points, marks, bandwidth, _ends.AsSpan(i * Features, Features));

        // An end within a bandwidth of an earlier cluster's first end is that cluster's.
        Span<int> clusters = _clusters.AsSpan(0, n);
        int largest = -1, most = 0;
        for (int i = 0; i < n; i++)
        {
            clusters[i] = -1;
            if (!marks[i]) continue;
            for (int first = 0; first <= i && clusters[i] < 0; first++)
                if (marks[first] && (first == i || (clusters[first] == first && Distance(End(first), End(i)) <= bandwidth))) clusters[i] = first;
        }

        for (int first = 0; first < n; first++)
        {
            int size = clusters.Count(first);
            if (clusters[first] != first || size <= most) continue;
            most = size;
            largest = first;
        }

        for (int i = 0; i < n; i++) marks[i] = marks[i] && clusters[i] == largest;
    }

    private static double Distance(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int k = 0; k < Features; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
        return Math.Sqrt(sum);
    }

    private static ReadOnlySpan<double> Point(ReadOnlySpan<double> points, int i) => points.Slice(i * Features, Features);

    private static void Shift(ReadOnlySpan<double> points, ReadOnlySpan<bool> marks, double bandwidth, Span<double> end)
    {
        Span<double> mean = stackalloc double[Features];
        for (int shift = 0; shift < MostShifts; shift++)
        {
            mean.Clear();
            int count = 0;
            for (int j = 0; j < marks.Length; j++)
            {
                if (!marks[j] || Distance(end, Point(points, j)) > bandwidth) continue;
                for (int k = 0; k < Features; k++) mean[k] += points[(j * Features) + k];
                count++;
            }

            if (count == 0) return;
            for (int k = 0; k < Features; k++) mean[k] /= count;
            double moved = Distance(end, mean);
            mean.CopyTo(end);
            if (moved <= Stands * bandwidth) return;
        }
    }

    private double Bandwidth(ReadOnlySpan<double> points, ReadOnlySpan<bool> marks)
    {
        int count = marks.Count(true);
        double sum = 0;
        for (int i = 0; i < marks.Length; i++)
        {
            if (!marks[i]) continue;
            int others = 0;
            for (int j = 0; j < marks.Length; j++)
                if (marks[j]) _distances[others++] = Distance(Point(points, i), Point(points, j));
            Span<double> distances = _distances.AsSpan(0, others);
            distances.Sort();
            sum += distances[Math.Max((count / 2) - 1, 0)];
        }

        return sum / count;
    }

    private ReadOnlySpan<double> End(int i) => _ends.AsSpan(i * Features, Features);
}
