using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;
using Detox.Tests.Data;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Reports;

/// <summary>The files of a run, read back: what they say against what the run must have done, found another way.</summary>
public sealed class RunFilesTests
{
    private const int Payload = (784 * 10) + 10 + 1;
    private static readonly string[] _phases = ["compute", "attack", "vote", "aggregate", "broadcast"];

    /// <summary>Softmax regression whose losses a test can find by itself.</summary>
    private static readonly TrainOptions _plain = TrainInProcess.Small with { Across = "mean", Steps = 7, EvaluateEvery = 3, LearningRate = 0.05f };

    /// <summary>In each step other groups are held by one, two or three attackers, or by none.</summary>
    private static readonly TrainOptions _attacked = TrainInProcess.Small with { Ranks = 15, Byzantine = 5, Steps = 12, Attack = "constant(value=0.25)" };

    [Test]
    public void LossesRatesAndScoresAreThoseOfTheFormulas()
    {
        TrainOptions options = _plain with { Schedule = "cosine", WarmUp = 2 };
        RunFiles run = TrainInProcess.Run(options);
        SoftmaxReplay replay = new(options);
        List<string[]> evaluations = Evaluations(run);
        Assert.That(evaluations.Select(row => row[0]), Is.EqualTo((string[])["3", "6", "7"]));
        Assert.That(run.Steps.Select(step => step.GetProperty("step").GetInt32()), Is.EqualTo(Enumerable.Range(0, options.Steps)));
        Assert.That(Number(run.Steps[0], "loss"), Is.EqualTo(Math.Log(10)).Within(0.5));
        int evaluation = 0;
        for (int step = 0; step < options.Steps; step++)
        {
            double rate = step < 2 ? 0.05 * (step + 1) / 2 : 0.05 * (1 + Math.Cos(Math.PI * (step - 2) / (options.Steps - 2))) / 2;
            Comparisons.Within(rate, (float)Number(run.Steps[step], "learning_rate"), 1e-8, $"the rate of step {step}");
            Comparisons.Within(replay.Step(step, rate), (float)Number(run.Steps[step], "loss"), 2e-5, $"the loss of step {step}");
            if ((step + 1).ToString() != evaluations[evaluation][0]) continue;
            Score score = replay.Evaluate();
            Comparisons.Within(score.Accuracy, RunFiles.Number(evaluations[evaluation][2]), 1.01 / 2000, $"the accuracy after step {step}");
            Comparisons.Within(score.Loss, RunFiles.Number(evaluations[evaluation][3]), 2e-5, $"the loss on the test set after step {step}");
            evaluation++;
        }

        Comparisons.Within(run.Accuracy, RunFiles.Number(evaluations[^1][2]), 5.1e-6, "the result's accuracy, the last evaluation's");
        Comparisons.Within(Number(run.Result, "loss"), RunFiles.Number(evaluations[^1][3]), 1e-6, "the result's loss, the last evaluation's");
    }

    [Test]
    public void WithoutAMajorityTheWeightsAndScoresStayThoseOfTheBeginning()
    {
        TrainOptions options = TrainInProcess.Small with { Attack = "nan", Byzantine = 9, EvaluateEvery = 1 };
        RunFiles run = TrainInProcess.Run(options);
        SoftmaxReplay replay = new(options.Resolve(null, 2));
        Assert.That(run.Weights, Is.EqualTo(Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(replay.Initial.AsSpan())))));
        Score score = replay.Evaluate();
        Assert.That(Evaluations(run), Has.Count.EqualTo(options.Steps));
        foreach (string[] row in Evaluations(run))
        {
            Comparisons.Within(score.Accuracy, RunFiles.Number(row[2]), 1e-6, "accuracy");
            Comparisons.Within(score.Loss, RunFiles.Number(row[3]), 1e-5, "loss");
        }

        Assert.That(run.Steps.Select(step => step.GetProperty("voids").EnumerateArray().Select(group => group.GetInt32())), Is.All.EqualTo((int[])[0, 1, 2]));
        foreach (JsonElement step in run.Steps)
        {
            Assert.That(step.TryGetProperty("skipped", out _), Is.True);
            Assert.That(step.GetProperty("loss").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(step.GetProperty("learning_rate").ValueKind, Is.EqualTo(JsonValueKind.Null));
        }

        CountsAddUp(run);
    }

    [Test]
    public void TheSameSeedGivesTheSameNumbersAndAnotherOneOthers()
    {
        RunFiles first = TrainInProcess.Run(_plain), second = TrainInProcess.Run(_plain), other = TrainInProcess.Run(_plain with { Seed = 2 });
        double[] losses = Losses(first);
        Assert.That(Losses(second), Is.EqualTo(losses));
        Assert.That(Evaluations(second).Select(row => row[3]), Is.EqualTo(Evaluations(first).Select(row => row[3])));
        for (int step = 0; step < losses.Length; step++) Assert.That(Losses(other)[step], Is.Not.EqualTo(losses[step]), $"step {step}");

        static double[] Losses(RunFiles run) => [.. run.Steps.Select(step => Number(step, "loss"))];
    }

    [Test]
    public void EachGroupThatIsNotRankZerosOwnSendsAVector()
    {
        // Alone in its group, every rank is the winner: eight of nine have to send.
        RunFiles alone = TrainInProcess.Run(_plain with { GroupSize = 1 });
        Assert.That(alone.Steps.Select(Bytes), Is.All.EqualTo(8L * Payload * sizeof(float)));
        CountsAddUp(alone);

        // Of rank 0's own group it may be rank 0 that wins; ranks that vote in one moment may each take themselves for the one that completes the majority.
        RunFiles groups = TrainInProcess.Run(_plain);
        Assert.That(groups.Steps.Select(Bytes), Is.All.InRange(2L * Payload * sizeof(float), 8L * Payload * sizeof(float)));
        Assert.That(groups.Steps.Select(step => Bytes(step) % (Payload * sizeof(float))), Is.All.Zero);
        CountsAddUp(groups);

        // Nothing but NaN has no winner, and so nothing is sent.
        Assert.That(TrainInProcess.Run(_plain with { Attack = "nan", Byzantine = 9 }).Steps.Select(Bytes), Is.All.Zero);
    }

    [Test]
    public void OneWrongValueIsBlamedOnThePlacementsRanks()
    {
        RunFiles run = TrainInProcess.Run(_attacked);
        GroupTable groups = Groups(_attacked);
        List<(int Step, int Rank)> expected = [];
        int captured = 0;
        for (int step = 0; step < _attacked.Steps; step++)
        {
            bool[] byzantine = Byzantine(_attacked, step);
            for (int group = 0; group < groups.GroupCount; group++)
            {
                // The attackers of a group say the same: two or three of them are its majority, and the honest rank dissents.
                int[] members = groups.Members(group).ToArray();
                bool isCaptured = members.Count(rank => byzantine[rank]) >= 2;
                if (isCaptured) captured++;
                expected.AddRange(members.Where(rank => byzantine[rank] != isCaptured).Select(rank => (step, rank)));
            }

            IEnumerable<int> found = run.Steps[step].GetProperty("dissenters").EnumerateArray().Select(rank => rank.GetInt32());
            Assert.That(found, Is.EquivalentTo(expected.Where(blame => blame.Step == step).Select(blame => blame.Rank)), $"step {step}");
            Assert.That(run.Steps[step].GetProperty("voids").GetArrayLength(), Is.Zero, $"step {step}");
        }

        Assert.That(captured, Is.InRange(3, 30), "groups that the attackers hold");
        Assert.That(run.Blame.Select(row => (int.Parse(row[0]), int.Parse(row[1]))), Is.EquivalentTo(expected));
        foreach (string[] row in run.Blame)
        {
            int rank = int.Parse(row[1]);
            bool isByzantine = Byzantine(_attacked, int.Parse(row[0]))[rank];
            Assert.That(row[2], Is.EqualTo($"{groups.GroupOf(rank)}"));
            Assert.That(row[3], Is.EqualTo("dissent"));
            Assert.That(row[4], Is.EqualTo($"{(Payload + 1023) / 1024}"), "every leaf differs");
            Assert.That(row[5..7], Is.EqualTo((string[])["0", "linear.weight[0,0]"]));
            Assert.That(row[isByzantine ? 8 : 7], Is.EqualTo("0.25"));
            Assert.That(Math.Abs(RunFiles.Number(row[isByzantine ? 7 : 8])), Is.LessThan(0.2), "the honest gradient's first element");
        }

        CountsAddUp(run);
    }

    [Test]
    public void TheParameterIsTheIndexWritten()
    {
        RunFiles run = TrainInProcess.Run(_attacked with { Attack = "bit-flip" });
        Assert.That(run.Blame, Has.Count.GreaterThan(20));
        foreach (string[] row in run.Blame)
        {
            int index = int.Parse(row[5]);
            Assert.That(index, Is.InRange(0, Payload - 1));
            Assert.That(row[6], Is.EqualTo(index < 7840 ? $"linear.weight[{index / 10},{index % 10}]" : index < 7850 ? $"linear.bias[{index - 7840}]" : "loss"));
        }
    }

    [TestCase(OnVoid.Skip)]
    [TestCase(OnVoid.Recompute)]
    public void VoidGroupsAreThoseOfThePlacement(OnVoid onVoid)
    {
        TrainOptions options = _attacked with { Attack = "nan", OnVoid = onVoid };
        RunFiles run = TrainInProcess.Run(options);
        GroupTable groups = Groups(options);
        for (int step = 0; step < options.Steps; step++)
        {
            bool[] byzantine = Byzantine(options, step);
            int[][] members = [.. Enumerable.Range(0, groups.GroupCount).Select(group => groups.Members(group).ToArray())];
            int[] voids = [.. Enumerable.Range(0, groups.GroupCount).Where(group => members[group].Count(rank => byzantine[rank]) >= 2)];
            Assert.That(run.Steps[step].GetProperty("voids").EnumerateArray().Select(group => group.GetInt32()), Is.EquivalentTo(voids), $"step {step}");

            // Where there is a majority, who has NaN dissents from it.
            IEnumerable<int> named = run.Steps[step].GetProperty("dissenters").EnumerateArray().Select(rank => rank.GetInt32());
            Assert.That(
                named.Where(rank => !voids.Contains(groups.GroupOf(rank))),
                Is.EquivalentTo(Enumerable.Range(0, 15).Where(rank => byzantine[rank] && !voids.Contains(groups.GroupOf(rank)))),
                $"step {step}");
        }

        Assert.That(run.Result.GetProperty("void_groups").GetInt32(), Is.GreaterThan(2));
        CountsAddUp(run);
    }

    [Test]
    public void ASkippedStepIsCountedOnce()
    {
        // Of five groups, krum with f = 1 needs all five.
        TrainOptions options = _attacked with { Attack = "nan", Across = "krum(f=1)" };
        RunFiles run = TrainInProcess.Run(options);
        int[] skipped = [.. Enumerable.Range(0, options.Steps).Where(step => run.Steps[step].TryGetProperty("skipped", out _))];
        Assert.That(skipped, Is.EqualTo(Enumerable.Range(0, options.Steps).Where(step => run.Steps[step].GetProperty("voids").GetArrayLength() > 0)));
        Assert.That(skipped, Has.Length.InRange(1, options.Steps - 1));
        CountsAddUp(run);
    }

    [Test]
    public void ADivergedRunEndsAtItsStep()
    {
        RunFiles run = TrainInProcess.Run(_plain with { Model = "mlp", GroupSize = 1, Byzantine = 1, Attack = "reverse(scale=1e20)", Steps = 20 });
        int last = run.Steps[^1].GetProperty("step").GetInt32();
        Assert.That(run.Result.GetProperty("diverged_at_step").GetInt32(), Is.EqualTo(last).And.LessThan(19));
        Assert.That(Evaluations(run)[^1][0], Is.EqualTo($"{last + 1}"));
        CountsAddUp(run);
        Assert.That(TrainInProcess.Run(_plain).Result.TryGetProperty("diverged_at_step", out _), Is.False);
    }

    [TestCase("none")]
    [TestCase("alie")]
    public void PhasesTakeTheRunsTime(string attack)
    {
        // Three images to judge by, so that nearly all of the time is the steps'; large batches, so that most of it is the gradients'.
        using TempFolder images = new();
        images.WriteIdx("train", 800, side: 28);
        images.WriteIdx("t10k", 3, side: 28);
        RunFiles run = TrainInProcess.Run(_plain with
        {
            Data = images.Path,
            Model = "lenet",
            Batch = 256,
            Steps = 6,
            Attack = attack,
            Byzantine = 1,
            Ballot = Gpu.Digests.BallotKind.Xxh128,
        });
        double[] seconds = [.. _phases.Select(phase => run.Steps.Sum(step => Number(step.GetProperty("seconds"), phase)))];
        Assert.That(run.Steps.SelectMany(step => _phases.Select(phase => Number(step.GetProperty("seconds"), phase))), Is.All.GreaterThanOrEqualTo(0));
        double whole = Number(run.Result, "seconds");
        Assert.That(seconds.Sum(), Is.InRange(0.6 * whole, whole + 0.001));
        int attacking = Array.IndexOf(_phases, "attack");
        Assert.That(seconds[attacking], attack == "none" ? Is.Zero : Is.GreaterThan(0));
        if (attack == "none") Assert.That(seconds[0], Is.EqualTo(seconds.Max()), "most of the time is the gradients'");

        for (int phase = 0; phase < _phases.Length; phase++)
            Comparisons.Within(seconds[phase], (float)Number(run.Result.GetProperty("phase_seconds"), _phases[phase]), 6e-4, _phases[phase]);
        double[] steps = [.. run.Steps.Select(step => _phases.Where(phase => phase != "attack").Sum(phase => Number(step.GetProperty("seconds"), phase))).Order()];
        Comparisons.Within((steps[2] + steps[3]) / 2, (float)Number(run.Result, "median_step_seconds"), 1e-5, "the median step");
        double[] evaluated = [.. Evaluations(run).Select(row => (double)RunFiles.Number(row[1]))];
        Assert.That(evaluated, Is.Ordered.And.All.InRange(0, whole + 0.001));
    }

    [Test]
    public void TheSettingsReadBackAndGiveTheSameRun()
    {
        TrainOptions options = _attacked with { Schedule = "step(every=3,factor=0.5)", WarmUp = 1, WeightDecay = 1e-4f, Steps = 5, Threads = 1 };
        RunFiles run = TrainInProcess.Run(options);
        TrainOptions read = ConfigFile.Apply(new TrainOptions(), Path.Combine(run.Folder, "config.toml"));
        Assert.That(read, Is.EqualTo((options with { Out = Path.GetDirectoryName(run.Folder)!, Name = "run" }).Resolve(null, 2)));
        Assert.That(TrainInProcess.Run(read).Weights, Is.EqualTo(run.Weights));
    }

    /// <summary>result.json counts what steps.jsonl and blame.csv list.</summary>
    private static void CountsAddUp(RunFiles run)
    {
        IReadOnlyList<JsonElement> steps = run.Steps;
        Assert.That(run.Result.GetProperty("steps").GetInt32(), Is.EqualTo(steps.Count), "steps");
        Assert.That(run.Result.GetProperty("skipped_steps").GetInt32(), Is.EqualTo(steps.Count(step => step.TryGetProperty("skipped", out _))), "skipped steps");
        Assert.That(run.Result.GetProperty("void_groups").GetInt32(), Is.EqualTo(steps.Sum(step => step.GetProperty("voids").GetArrayLength())), "void groups");
        Assert.That(Bytes(run.Result), Is.EqualTo(steps.Sum(Bytes)), "bytes");

        var listed = run.Blame.Select(row => (Step: int.Parse(row[0]), Rank: int.Parse(row[1]))).ToList();
        foreach (JsonElement step in steps)
        {
            int number = step.GetProperty("step").GetInt32();
            Assert.That(
                step.GetProperty("dissenters").EnumerateArray().Select(rank => rank.GetInt32()),
                Is.EquivalentTo(listed.Where(blame => blame.Step == number).Select(blame => blame.Rank)),
                $"blame.csv for step {number}");
        }

        Assert.That(
            run.Result.GetProperty("faults_of_rank").EnumerateObject().Select(rank => (int.Parse(rank.Name), rank.Value.GetInt32())),
            Is.EquivalentTo(listed.GroupBy(blame => blame.Rank).Select(faults => (faults.Key, faults.Count()))));
    }

    private static List<string[]> Evaluations(RunFiles run)
        => [.. File.ReadLines(Path.Combine(run.Folder, "evaluations.csv")).Skip(1).Select(line => line.Split(','))];

    private static double Number(JsonElement parent, string name) => parent.GetProperty(name).GetDouble();

    private static long Bytes(JsonElement parent) => parent.GetProperty("vector_bytes").GetInt64();

    private static GroupTable Groups(TrainOptions options) => GroupTable.Create(options.Ranks!.Value, options.GroupSize, options.Seed);

    private static bool[] Byzantine(TrainOptions options, long step)
    {
        bool[] byzantine = new bool[options.Ranks!.Value];
        Placement.Create(options.Placement, Groups(options), options.Byzantine!.Value, options.Seed).Byzantine(step, byzantine);
        return byzantine;
    }
}
