using System.Globalization;
using System.Text.Json;
using Detox.Mpi.Training;

namespace Detox.Mpi.Reports;

/// <summary>What the ranks did with their time: the least, the mean and the most of them, and how far the most is above the mean.</summary>
internal sealed class RankTable(IReadOnlyList<RankTally?> tallies)
{
    private const string Title = "of a rank";

    private static readonly (string Name, string Key, Func<RankTally, double> Of)[] _times =
    [
        ("waiting for rank 0", "wait", tally => tally.WaitSeconds),
        ("taking weights", "weights", tally => tally.WeightsSeconds),
        ("waiting for a core", "turn", tally => tally.TurnSeconds),
        ("gradients", "compute", tally => tally.ComputeSeconds),
        ("ballots", "vote", tally => tally.VoteSeconds),
    ];

    private static readonly (string Name, string Key, Func<RankTally, double> Of)[] _bytes =
    [
        ("sent", "sent_bytes", tally => tally.SentBytes),
        ("weights taken", "taken_bytes", tally => tally.TakenBytes),
    ];

    private readonly RankTally[] _told = [.. tallies.OfType<RankTally>()];

    public long Most(Func<RankTally, long> of) => _told.Select(of).DefaultIfEmpty().Max();

    /// <summary>A line for each kind of time and of bytes; none where no rank told anything.</summary>
    public IEnumerable<string> Lines()
    {
        if (_told.Length == 0) yield break;
        yield return $"{Title,-22}{"least",12}{"mean",12}{"most",12}  imbalance";
        foreach ((string name, _, Func<RankTally, double> of) in _times) yield return Line(name, of, 1, "s");
        foreach ((string name, _, Func<RankTally, double> of) in _bytes) yield return Line(name, of, 1e6, "MB");
    }

    public void Write(Utf8JsonWriter json)
    {
        if (_told.Length == 0) return;
        json.WriteStartObject("ranks");
        foreach ((_, string key, Func<RankTally, double> of) in _times) Write(json, $"{key}_seconds", of, 3);
        foreach ((_, string key, Func<RankTally, double> of) in _bytes) Write(json, key, of, 0);
        json.WriteEndObject();
    }

    private void Write(Utf8JsonWriter json, string key, Func<RankTally, double> of, int digits)
    {
        json.WriteStartObject(key);
        json.WriteNumber("least", Math.Round(_told.Min(of), digits));
        json.WriteNumber("mean", Math.Round(_told.Average(of), digits));
        json.WriteNumber("most", Math.Round(_told.Max(of), digits));
        json.WriteEndObject();
    }

    private string Line(string name, Func<RankTally, double> of, double unit, string unitName)
    {
        double least = _told.Min(of) / unit, mean = _told.Average(of) / unit, most = _told.Max(of) / unit;
        string imbalance = mean > 0 ? (most / mean).ToString("F2", CultureInfo.InvariantCulture) : "-";
        return string.Create(CultureInfo.InvariantCulture, $"  {name,-20}{least,9:F2} {unitName,-2}{mean,9:F2} {unitName,-2}{most,9:F2} {unitName,-2}{imbalance,11}");
    }
}
