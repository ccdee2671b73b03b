using System.Text.Json;
using Detox.Mpi.Groups;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>A run of nine ranks to disturb in its middle: every rank pauses before its ballot, so that a step takes as long on any machine.</summary>
internal static class PacedRun
{
    public const int Ranks = 9;
    private const int GroupSize = 3;
    private const string Options = "--across mean --model softmax --batch 5 --evaluate-every 0 --patience 1";
    private const string Pace = "--attack slow(seconds=0.02) --placement fixed";
    private static readonly Dictionary<(int Steps, ulong Seed), string> _undisturbed = [];

    public static RunningTraining Start(string launcher, int steps, int nodes = 1, ulong seed = 1, string launcherOptions = "")
        => DetoxProgram.Start(launcher, Ranks, OptionsOf(steps, seed), nodes, launcherOptions);

    public static string OptionsOf(int steps, ulong seed) => $"{Options} {Pace} --byzantine {Ranks} --steps {steps} --seed {seed}";

    /// <summary>The weights that nothing has disturbed, in one process and without pauses.</summary>
    public static string Undisturbed(int steps, ulong seed = 1)
    {
        if (!_undisturbed.TryGetValue((steps, seed), out string? weights))
        {
            weights = DetoxProgram.Train(null, Ranks, $"{Options} --attack none --byzantine 0 --steps {steps} --seed {seed}").Weights;
            _undisturbed[(steps, seed)] = weights;
        }

        return weights;
    }

    public static GroupTable Groups(ulong seed = 1) => GroupTable.Create(Ranks, GroupSize, seed);

    public static int[] Missing(JsonElement step) => [.. step.GetProperty("missing").EnumerateArray().Select(rank => rank.GetInt32())];

    /// <summary>From the step in which a rank fell silent on, each is named absent, once; no other rank is named, and no group is void.</summary>
    public static void AssertAbsentOnce(RunFiles run, IEnumerable<int> absent)
    {
        Assert.That(run.Blame.Select(row => (int.Parse(row[1]), row[3])), Is.EquivalentTo(absent.Select(rank => (rank, "absent"))));
        Assert.That(run.Steps.Sum(step => step.GetProperty("voids").GetArrayLength()), Is.Zero);
    }

    /// <summary>Once the patience is over, steps are as quick as before.</summary>
    public static void AssertAsQuickAsBefore(RunFiles run)
    {
        // 1.2 on a quiet machine.
        const double most = 1.5;
        int first = run.Steps.TakeWhile(step => Missing(step).Length == 0).Count(), last = run.Steps.ToList().FindLastIndex(step => RunningTraining.Seconds(step) > 0.5);
        double before = Median(run.Steps.Skip(1).Take(first - 1)), after = Median(run.Steps.Skip(Math.Max(first, last) + 1));
        TestContext.Out.WriteLine($"median step: {before * 1000:F2} ms before, {after * 1000:F2} ms after, {after / before:F2} times");
        Assert.That(after, Is.LessThan(most * before));
    }

    private static double Median(IEnumerable<JsonElement> steps)
    {
        double[] seconds = [.. steps.Select(RunningTraining.Seconds).Order()];
        return seconds[seconds.Length / 2];
    }
}
