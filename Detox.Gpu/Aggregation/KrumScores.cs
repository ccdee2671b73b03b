using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>Krum's scores of rows, all of them or those that have not been removed.</summary>
/// <remarks>A score is a sum in ascending order. Of equal scores the row whose next nearest row is nearer is better, then
/// the one after that, and so on; where all are equal the first row is.</remarks>
internal sealed class KrumScores
{
    private int _n;
    private int _nearest;
    private double[] _distances = [];
    private int[] _neighbours = [];
    private double[] _scores = [];
    private bool[] _taken = [];
    private bool[] _removed = [];

    /// <summary>Takes the distances of these rows; none is removed.</summary>
    public void Measure(Device device, Rows rows)
    {
        _n = rows.Count;
        if (_scores.Length < _n)
        {
            _distances = new double[_n * _n];
            _neighbours = new int[_n * _n];
            _scores = new double[_n];
            _taken = new bool[_n];
            _removed = new bool[_n];
        }

        _taken.AsSpan(0, _n).Clear();
        _removed.AsSpan(0, _n).Clear();
        device.Run(new PairwiseSquaredDistances(rows, _distances.AsSpan(0, _n * _n)));
        for (int i = 0; i < _n; i++)
        {
            // The row itself goes to the end, behind infinite distances too: it is not its own neighbour.
            Span<double> distances = _distances.AsSpan(i * _n, _n);
            Span<int> neighbours = _neighbours.AsSpan(i * _n, _n);
            for (int j = 0; j < _n; j++) neighbours[j] = j;
            (distances[i], distances[_n - 1]) = (distances[_n - 1], distances[i]);
            (neighbours[i], neighbours[_n - 1]) = (neighbours[_n - 1], neighbours[i]);
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
        _nearest = nearest;
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
            if (!_taken[i] && (best < 0 || IsBetter(i, best)))
                best = i;
        return best;
    }

    // Two rows that are each other's nearest have one score where one neighbour counts. Then the neighbours that the
    // score did not count decide, so that the order of the rows does not.
    private bool IsBetter(int row, int other)
    {
        if (_scores[row] != _scores[other]) return _scores[row] < _scores[other];
        int left = 0;
        for (int i = 0; i < _n; i++)
            if (!_removed[i])
                left++;
        int a = row * _n, b = other * _n;
        for (int k = 0; k < left - 1; k++)
        {
            double x = _distances[NextLeft(ref a)], y = _distances[NextLeft(ref b)];
            if (k >= _nearest && x != y) return x < y;
        }

        return false;
    }

    private int NextLeft(ref int next)
    {
        while (_removed[_neighbours[next]]) next++;
        return next++;
    }
}
