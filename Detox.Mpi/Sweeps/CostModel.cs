using Detox.Mpi.Training;

namespace Detox.Mpi.Sweeps;

/// <summary>How long cells take, by those that are finished: of the most alike ones the mean of the seconds a step.</summary>
/// <remarks>For use from several threads.</remarks>
internal sealed class CostModel
{
    private const double Unknown = double.NaN;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (double Seconds, int Count)> _measured = [];
    private readonly Dictionary<string, string[]> _keys = [];
    private double _beside;
    private int _besides;

    /// <summary>Seconds that a cell takes beside its steps.</summary>
    private double Beside => _besides == 0 ? 0 : _beside / _besides;

    /// <summary>Whether a cell of the same method and work was measured.</summary>
    public bool KnowsMethod(SweepCell cell)
    {
        lock (_lock) return _measured.ContainsKey(Method(cell));
    }

    /// <param name="seconds">That the run trained.</param>
    /// <param name="whole">That it took in all; 0 where that is not known.</param>
    public void Add(SweepCell cell, long steps, double seconds, double whole = 0)
    {
        if (steps <= 0) return;
        lock (_lock)
        {
            foreach (string key in KeysOf(cell))
            {
                (double sum, int count) = _measured.GetValueOrDefault(key);
                _measured[key] = (sum + (seconds / steps), count + 1);
            }

            if (whole <= seconds) return;
            _beside += whole - seconds;
            _besides++;
        }
    }

    /// <summary>Seconds of a cell from its begin; not a number where nothing like it was measured.</summary>
    public double Seconds(SweepCell cell)
    {
        lock (_lock)
        {
            foreach (string key in KeysOf(cell))
                if (_measured.TryGetValue(key, out (double Seconds, int Count) known)) return (known.Seconds / known.Count * cell.Options.Steps) + Beside;
            return Unknown;
        }
    }

    private string[] KeysOf(SweepCell cell)
    {
        if (!_keys.TryGetValue(cell.Folder, out string[]? keys)) _keys[cell.Folder] = keys = [.. Keys(cell)];
        return keys;
    }

    /// <summary>What makes cells alike, the most alike first: all but the seed; all but the attackers as well; the work alone.</summary>
    private static IEnumerable<string> Keys(SweepCell cell)
    {
        TrainOptions options = cell.Options;
        string work = Work(options), method = Method(cell);
        yield return $"{method}\n{options.Attack}\n{options.Placement}\n{options.Byzantine}";
        yield return $"{method}\n{options.Attack}";
        yield return method;
        yield return $"{work}\n{options.GroupSize}";
        yield return work;
    }

    private static string Method(SweepCell cell) => $"{Work(cell.Options)}\n{cell.Method}\n{cell.Options.GroupSize}";

    private static string Work(TrainOptions options) => $"{options.Model}\n{options.Data}\n{options.Ranks}\n{options.Batch}\n{options.Device}";
}
