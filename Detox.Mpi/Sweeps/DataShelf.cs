using Detox.Mpi.Checkpoints;
using Detox.Mpi.Data;
using Detox.Mpi.Training;

namespace Detox.Mpi.Sweeps;

/// <summary>Data sets that the cells of a sweep share: a folder is read once, and an image of a built-in set drawn once, while the set is among the last few.</summary>
/// <remarks>Sets may be read from many threads.</remarks>
internal sealed class DataShelf
{
    private const int MostDrawn = 8;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, DataSplit> _folders = [];
    private readonly Dictionary<(string, ulong), string> _descriptions = [];
    private readonly List<((string Name, ulong Seed) Key, DataSplit Split)> _drawn = [];

    /// <summary>Name and digest of the data.</summary>
    /// <exception cref="DetoxException">The data cannot be opened.</exception>
    public string Describe(TrainOptions options)
    {
        lock (_lock)
        {
            // The samples of a folder do not depend on the seed.
            (string, ulong) key = (options.Data, DataSource.Known.Named(options.Data) is null ? 0 : options.Seed);
            return _descriptions.TryGetValue(key, out string? known) ? known : _descriptions[key] = Checkpoint.Describe(Open(options));
        }
    }

    /// <exception cref="DetoxException">The data cannot be opened.</exception>
    public DataSplit Open(TrainOptions options)
    {
        lock (_lock)
        {
            if (DataSource.Known.Named(options.Data) is null)
                return _folders.TryGetValue(options.Data, out DataSplit? known) ? known : _folders[options.Data] = DataSource.Open(options.Data, options.Seed);

            (string, ulong) key = (options.Data, options.Seed);
            int at = _drawn.FindIndex(drawn => drawn.Key == key);
            DataSplit split = at >= 0 ? _drawn[at].Split : DataSource.Open(options.Data, options.Seed);
            if (at >= 0) _drawn.RemoveAt(at);
            _drawn.Add((key, split));
            if (_drawn.Count > MostDrawn) _drawn.RemoveAt(0);
            return split;
        }
    }
}
