using System.Diagnostics;
using Detox.Gpu;
using Detox.Tests.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Sweeps;

/// <summary>A sweep that is killed again and again at random moments ends with the table of one that nobody killed, and computes no finished cell twice.</summary>
/// <remarks>DETOX_SWEEP_CELLS and DETOX_SWEEP_KILLS say how large (jobs/sweep-kills.sh), DETOX_SEED with which seed.</remarks>
[Category("Ranks")]
public sealed class SweepKillTests
{
    private const int LimitSeconds = 1800;
    private static readonly int _cells = Number("DETOX_SWEEP_CELLS", 6);
    private static readonly int _kills = Number("DETOX_SWEEP_KILLS", 3);
    private static readonly ulong _seed = (ulong)Number("DETOX_SEED", 1);

    [Test]
    public void AKilledSweepEndsWithTheSameTable()
    {
        SweepProgram undisturbed = new(Grid()), sweep = new(Grid());
        Stopwatch clock = Stopwatch.StartNew();
        MpiOutcome outcome;
        using (MpiJob job = undisturbed.Start()) outcome = job.Wait(LimitSeconds);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        double whole = clock.Elapsed.TotalSeconds;

        // So long that the kills fall all over the sweep, and some part of it is left behind the last.
        double longest = 1.2 * whole / _kills;
        SeededRandom random = new(_seed, 0x7377656570);
        Dictionary<string, DateTime> finished = [];
        int inTheMiddle = 0;
        for (int kill = 0; kill < _kills; kill++)
        {
            DateTime started = DateTime.UtcNow;
            using (MpiJob job = sweep.Start())
            {
                // One of four may come before any cell has begun.
                while (kill % 4 != 3 && !job.HasEnded && !HasBegun(sweep, started)) Thread.Sleep(5);
                Thread.Sleep(TimeSpan.FromSeconds(longest * random.NextFloat()));
                if (!job.HasEnded) inTheMiddle++;
            }

            AssertNoneWasComputedAgain(finished, sweep);
            finished = sweep.Results();
            TestContext.Out.WriteLine($"kill {kill + 1}: {finished.Count} of {_cells} cells finished, {sweep.Cells.Count - finished.Count} begun");
        }

        using (MpiJob job = sweep.Start()) outcome = job.Wait(LimitSeconds);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        AssertNoneWasComputedAgain(finished, sweep);
        Assert.That(sweep.Table, Is.EqualTo(undisturbed.Table));
        Assert.That(sweep.Table.Split('\n'), Has.Length.EqualTo(_cells + 2));
        sweep.AssertCellsAreWhole();
        foreach (string cell in sweep.Cells)
            Assert.That(File.ReadLines(Path.Combine(cell, "output.log")).Count(line => line.StartsWith("run folder ", StringComparison.Ordinal)), Is.LessThanOrEqualTo(1), cell);
        TestContext.Out.WriteLine($"{inTheMiddle} of {_kills} kills came before the end; undisturbed the sweep took {whole:F1} s");
        Assert.That(inTheMiddle, Is.Positive);
    }

    /// <summary>Whether a cell has said anything since a time.</summary>
    private static bool HasBegun(SweepProgram sweep, DateTime since)
        => sweep.Cells.Any(cell => File.GetLastWriteTimeUtc(Path.Combine(cell, "output.log")) > since);

    private static void AssertNoneWasComputedAgain(Dictionary<string, DateTime> finished, SweepProgram sweep)
    {
        Dictionary<string, DateTime> now = sweep.Results();
        foreach ((string cell, DateTime time) in finished) Assert.That(now.GetValueOrDefault(cell), Is.EqualTo(time), cell);
    }

    /// <summary>Cells of two methods, of which some save themselves in every step, and some never before their end.</summary>
    private static string Grid() =>
        $"""
        ranks = 9
        model = "softmax"
        batch = 4
        steps = 40
        evaluate-every = 20
        byzantine = 1
        placement = "fixed"
        checkpoint-every = 1
        seed = [{string.Join(", ", Enumerable.Range(1, (_cells + 1) / 2))}]

        [methods.voted]
        attack = "slow(seconds=0.01)"

        [methods."no vote"]
        group-size = 1
        attack = "alie(z=1)"
        checkpoint-every = "10 min"
        """;

    private static int Number(string variable, int otherwise) => int.Parse(Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? text : $"{otherwise}");
}
