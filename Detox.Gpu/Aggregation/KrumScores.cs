using Detox.Gpu.Devices;

namespace Detox.Gpu.Aggregation;

/// <summary>Krum's scores of rows, all of them or those that have not been removed.</summary>
internal sealed class KrumScores
{
    private int _n;
    private double[] _distances = [];
    private int[] _neighbours = [];
    private double[] _scores = [];
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
            _removed = new bool[_n];
        }

        _removed.AsSpan(0, _n).Clear();
        device.PairwiseSquaredDistances(rows, _distances.AsSpan(0, _n * _n));
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

    public void Remove(int row) => _removed[row] = true;

    /// <summary>Each row's sum of squared distances to its nearest <paramref name="nearest"/> others; of a removed row, NaN.</summary>
    public ReadOnlySpan<double> Scores(int nearest)
    {
        for (int i = 0; i < _n; i++) _scores[i] = _removed[i] ? double.NaN : Score(i, nearest);
        return _scores.AsSpan(0, _n);
    }

    /// <summary>The first row with the lowest score.</summary>
    public int Best(int nearest)
    {
        ReadOnlySpan<double> scores = Scores(nearest);
        int best = -1;
        for (int i = 0; i < _n; i++)
            if (!_removed[i] && (best < 0 || scores[i] < scores[best]))
                best = i;
        return best;
    }

    private double Score(int row, int nearest)
    {
        double score = 0;
        int start = row * _n;
        for (int i = start; nearest > 0 && i < start + _n - 1; i++)
        {
            if (_removed[_neighbours[i]]) continue;
            score += _distances[i];
            nearest--;
        }

        return score;
    }
}
