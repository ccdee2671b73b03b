using System.Globalization;
using Detox.Mpi.Attacks;

namespace Detox.Mpi.Pages;

/// <summary>One run of a sweep.</summary>
/// <param name="Values">What the sweep gave it: "byzantine" is "5".</param>
/// <param name="Run">Null where its folder cannot be read.</param>
/// <param name="Problem">Why not; null where it can.</param>
internal sealed record CellFacts(string Folder, string Method, IReadOnlyDictionary<string, string> Values, RunFacts? Run, string? Problem)
{
    public const string Attack = "attack", Byzantine = "byzantine", Seed = "seed";

    public string AttackName => Value(Attack) ?? Run?.Options.Attack ?? "";

    public int? ByzantineCount => int.TryParse(Value(Byzantine), CultureInfo.InvariantCulture, out int count) ? count : Run?.Options.Byzantine;

    public string SeedText => Value(Seed) ?? Run?.Options.Seed.ToString(CultureInfo.InvariantCulture) ?? "";

    /// <summary>The method, and whatever else the sweep varies besides attack, q and seed.</summary>
    public string Title => string.Join(", ", [Method, .. Values.Where(value => value.Key is not (Attack or Byzantine or Seed)).Select(value => $"{value.Key} {value.Value}")]);

    public bool HasEnded => Run?.End is not null;

    /// <summary>Whether no rank of it is wrong.</summary>
    public bool IsHonest => ByzantineCount == 0 || AttackName == NoAttack.OwnName;

    public string State => Run?.State ?? $"broken: {Problem}";

    private string? Value(string dimension) => Values.GetValueOrDefault(dimension);
}

/// <summary>What the seeds of one method, attack and q came to.</summary>
internal sealed record SweepPoint(string Method, string Attack, int Byzantine, IReadOnlyList<CellFacts> Cells)
{
    public Spread Accuracy => Spread.Of(Cells.Select(cell => cell.Run!.End!.Accuracy));

    /// <summary>What the accuracy lacks.</summary>
    public Spread Errors => Spread.Of(Cells.Select(cell => 1 - cell.Run!.End!.Accuracy));

    public int Diverged => Cells.Count(cell => cell.Run!.IsDiverged);

    public string Seeds => string.Join(", ", Cells.Select(cell => cell.SeedText));
}

/// <summary>What a report knows of a sweep.</summary>
/// <param name="Samples">What the sweep holds equal between methods: "per-rank".</param>
internal sealed record SweepFacts(string Folder, string Samples, IReadOnlyList<string> Dimensions, IReadOnlyList<CellFacts> Cells)
{
    public string Name => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder)));

    public IReadOnlyList<CellFacts> Ended => [.. Cells.Where(cell => cell.HasEnded)];

    /// <summary>In the order of the sweep.</summary>
    public IReadOnlyList<string> Methods => [.. Cells.Select(cell => cell.Title).Distinct()];

    /// <summary>Those that somebody carries out; where nobody is Byzantine, what the cells name.</summary>
    public IReadOnlyList<string> Attacks => Cells.Any(cell => !cell.IsHonest) ? [.. Cells.Where(cell => !cell.IsHonest).Select(cell => cell.AttackName).Distinct()] : [.. Cells.Select(cell => cell.AttackName).Distinct()];

    /// <summary>By method and q the attack that it bears least, and of how many.</summary>
    public IEnumerable<(SweepPoint Point, int Attacks)> Worst()
        => Points().GroupBy(point => (point.Method, point.Byzantine)).Select(group => group.Key.Byzantine == 0
            ? (group.MinBy(point => point.Accuracy.Mean)! with { Attack = "no attack" }, 0)
            : (group.MinBy(point => point.Accuracy.Mean)!, group.Count()));

    /// <summary>Of the cells that have ended, by method, attack and q.</summary>
    public IReadOnlyList<SweepPoint> Points()
        => [.. Ended.GroupBy(cell => (cell.Title, cell.AttackName, Q: cell.ByzantineCount!.Value))
            .Select(group => new SweepPoint(group.Key.Title, group.Key.AttackName, group.Key.Q, [.. group]))
            .OrderBy(point => Methods.ToList().IndexOf(point.Method)).ThenBy(point => Attacks.ToList().IndexOf(point.Attack)).ThenBy(point => point.Byzantine)];

    /// <summary>Those of an attack; of each method that was run without any, that as q = 0.</summary>
    public IReadOnlyList<SweepPoint> PointsOf(string attack)
    {
        SweepPoint[] points = [.. Points()], own = [.. points.Where(point => point.Attack == attack)];
        return [.. points.Where(point => point.Byzantine == 0 && point.Attack == NoAttack.OwnName && !own.Any(known => known.Byzantine == 0 && known.Method == point.Method)), .. own];
    }

    /// <summary>Where the variance was measured without wrong vectors, which would add to it.</summary>
    public IReadOnlyList<CellFacts> MeasuredHonestly => [.. Ended.Where(cell => cell.Run!.HasVariance && cell.IsHonest)];

    /// <summary>How many seeds stand behind a point, for captions: "n = 3 seeds (1, 2, 3)".</summary>
    public string SeedsText()
    {
        IReadOnlyList<SweepPoint> points = Points();
        if (points.Count == 0) return "n = 0: no cell has ended";
        int least = points.Min(point => point.Cells.Count), most = points.Max(point => point.Cells.Count);
        string[] seeds = [.. Ended.Select(cell => cell.SeedText).Distinct()];
        string count = least == most ? $"n = {most}" : $"n = {least} to {most}";
        return $"{count} {(most == 1 ? "seed" : "seeds")} ({string.Join(", ", seeds)})";
    }
}
