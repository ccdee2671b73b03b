using System.Globalization;
using System.Text.Json;
using Detox.Mpi;
using Detox.Mpi.Commands;
using Detox.Mpi.Pages;
using Detox.Mpi.Training;
using Detox.Tests.Training;

namespace Detox.Tests.Pages;

/// <summary>A small run with faults, and a sweep of small runs with a cell that has not ended, one that is damaged, and one that is not there; made once.</summary>
internal static class SampleSweep
{
    public const int Ended = 14;
    public static readonly string[] Attacks = ["reverse", "alie(z=1.5)"];
    private static readonly Lazy<string> _run = new(() => TrainInProcess.Run(Options with { Byzantine = 2, Attack = "bit-flip" }).Folder);
    private static readonly Lazy<string> _sweep = new(Make);

    /// <summary>Nine ranks, two of them Byzantine.</summary>
    public static string Run => _run.Value;

    public static string Folder => _sweep.Value;

    private static TrainOptions Options => TrainInProcess.Small with { Steps = 12, EvaluateEvery = 4, Measure = Measure.Variance };

    /// <summary>sweep.json as a sweep writes it.</summary>
    public static string Json(params IEnumerable<(string Folder, string Method, string Attack, int Byzantine, int Seed)> cells) => JsonSerializer.Serialize(new
    {
        format = 1,
        samples = "per-rank",
        dimensions = (string[])["attack", "byzantine", "seed"],
        cells = cells.Select(cell => new
        {
            folder = cell.Folder,
            method = cell.Method,
            values = new Dictionary<string, string> { ["attack"] = cell.Attack, ["byzantine"] = $"{cell.Byzantine}", ["seed"] = $"{cell.Seed}" },
        }),
    });

    private static string Make()
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "sweeps", Guid.NewGuid().ToString("N"));
        List<(string Folder, string Method, string Attack, int Byzantine, int Seed)> cells = [];
        foreach ((string method, int groupSize) in ((string, int)[])[("DETOX with the median", 3), ("median", 1)])
        {
            foreach (string attack in Attacks)
            {
                foreach ((int q, int seed) in ((int, int)[])[(0, 1), (0, 2), (2, 1), (2, 2)])
                {
                    string name = string.Create(CultureInfo.InvariantCulture, $"r{groupSize}-{attack.Split('(')[0]}-{q}-{seed}");
                    cells.Add((name, method, attack, q, seed));
                    TrainOptions options = (Options with { GroupSize = groupSize, Attack = attack, Byzantine = q, Seed = (ulong)seed, Out = folder, Name = name }).Resolve(launchedRanks: null, cores: 2);
                    Assert.That(TrainCommand.ExecuteInProcess(options), Is.EqualTo(ExitCode.Done));
                }
            }
        }

        Stop(Path.Combine(folder, cells[^1].Folder), steps: 5);
        string steps = Path.Combine(folder, cells[^2].Folder, "steps.jsonl");
        File.WriteAllText(steps, File.ReadAllText(steps).Replace("\"voids\":[]", "\"voids\":[0]", StringComparison.Ordinal));
        cells.Add(("r1-alie-4-1", "median", Attacks[1], 4, 1));
        File.WriteAllText(Path.Combine(folder, SweepReader.FileName), Json(cells));
        return folder;
    }

    /// <summary>Makes of a run that has ended one that was killed behind a step.</summary>
    public static void Stop(string run, int steps)
    {
        foreach (string file in (string[])["result.json", "manifest.json"]) File.Delete(Path.Combine(run, file));
        string log = Path.Combine(run, "steps.jsonl");
        File.WriteAllLines(log, File.ReadAllLines(log).Take(steps));
    }
}
