namespace Detox.Gpu.Aggregation;

/// <summary>Krum's scores of rows, all of them or those that have not been removed.</summary>
/// <remarks>A score is a sum in ascending order. Of equal scores the first row's is better.</remarks>
internal sealed class KrumScores
{
    private int _n;
    private double[] _distances = [];
    private int[] _neighbours = [];
    private double[] _scores = [];
    private bool[] _taken = [];
    private bool[] _removed = [];

    public static string RowsNeededText(int f, int neighbours, int needed)
        => needed > (2 * f) + 3 ? $"{needed} rows for {neighbours} neighbours" : $"2f+3 = {needed} rows for f = {f}";

    /// <summary>A score counts one neighbour at least.</summary>
    public static int RowsComputable(int f, int neighbours) => neighbours == 0 ? f + 3 : neighbours + 1;

    /// <summary>Takes the distances of n rows; none is removed.</summary>
    public void Measure(ReadOnlySpan<double> squaredDistances, int n)
    {
        _n = n;
        if (_scores.Length < n)
        {
            _distances = new double[n * n];
            _neighbours = new int[n * n];
            _scores = new double[n];
            _taken = new bool[n];
            _removed = new bool[n];
        }

        _taken.AsSpan(0, n).Clear();
        _removed.AsSpan(0, n).Clear();
        squaredDistances.CopyTo(_distances);
        for (int i = 0; i < n; i++)
        {
            // The row itself goes to the end, behind infinite distances too: it is not its own neighbour.
            Span<double> distances = _distances.AsSpan(i * n, n);
            Span<int> neighbours = _neighbours.AsSpan(i * n, n);
            for (int j = 0; j < n; j++) neighbours[j] = j;
            (distances[i], distances[n - 1]) = (distances[n - 1], distances[i]);
            (neighbours[i], neighbours[n - 1]) = (neighbours[n - 1], neighbours[i]);
            distances[..^1].Sort(neighbours[..^1]);
        }
    }

    /// <summary>The row will not be the best again, but stays a neighbour.</summary>
    public void Take(int row) => _taken[row] = true;

    /// <summary>The row is gone.</summary>
    public void Remove(int row) => _taken[row] = _removed[row] = true;

    /// <summary>Scores the rows that are left by the squared distances to their nearest <paramref name="nearest"/> others.</summary>
    public void Score(int nearest)
    {
        for (int i = 0; i < _n; i++)
        {
            if (_removed[i]) continue;
            double score = 0;
            int next = i * _n;
            for (int k = 0; k < nearest; k++) score += _distances[NextLeft(ref next)];
            _scores[i] = score;
        }
    }

    /// <summary>The row with the lowest score that has not been taken.</summary>
    public int Best()
    {
        int best = -1;
        for (int i = 0; i < _n; i++)
            if (!_taken[i] && (best < 0 || _scores[i] < _scores[best]))
                best = i;
        return best;
    }

    private int NextLeft(ref int next)
    {
        while (_removed[_neighbours[next]]) next++;
        return next++;
    }
}
