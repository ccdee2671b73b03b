using Detox.Mpi;
using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>Attackers that are a group's majority: they agree, win its vote, and know what they have won.</summary>
public sealed class CapturedGroupTests
{
    private static readonly TrainOptions _run = TrainInProcess.Small with { Byzantine = 2, Placement = "worst", Across = "mean" };

    private RunFiles _clean = null!;

    /// <summary>The attacks whose vectors may win: all that are finite, and alike.</summary>
    private static IEnumerable<string> Winners
        => Attack.Known.Names.Where(name => !AttackFaults.IsOnProtocol(name) && name is not ("none" or "bit-flip" or "nan" or "inf"));

    [OneTimeSetUp]
    public void TrainWithoutAttack() => _clean = TrainInProcess.Run(_run with { Attack = "none" });

    [TestCaseSource(nameof(Winners))]
    public void TheyWinItsVoteAndTheWeightsAreOthers(string attack)
    {
        RunFiles run = TrainInProcess.Run(_run with { Attack = attack });
        Assert.That(run.Result.GetProperty("void_groups").GetInt32(), Is.Zero);
        Assert.That(run.Weights, Is.Not.EqualTo(_clean.Weights));
        int[] attackers = Attackers(_run with { Attack = attack });
        Assert.That(run.Blame.Select(row => int.Parse(row[1])), Has.None.AnyOf(attackers.Cast<object>().ToArray()), "the honest rank of their group dissents");
        Assert.That(run.Blame.Select(row => row[1]).Distinct().Count(), Is.EqualTo(1));
    }

    /// <summary>Two of three ranks win one group; the third attacker, alone in another one, does nothing.</summary>
    [Test]
    public void CaptureChoosesItsPlacesAndIsHonestWhereItIsOutvoted([Values("random", "fixed", "worst")] string placement)
    {
        TrainOptions options = _run with { Attack = "capture(scale=3)", Byzantine = 3, Placement = placement };
        RunFiles run = TrainInProcess.Run(options), reversed = TrainInProcess.Run(options with { Attack = "reverse(scale=3)", Placement = "worst" });
        Assert.That(run.Weights, Is.EqualTo(reversed.Weights), "the same groups are won with the same vectors");
        int[] attackers = Attackers(options);
        Assert.That(attackers, Has.Length.EqualTo(3));
        Assert.That(run.Blame.Select(row => int.Parse(row[1])), Has.None.AnyOf(attackers.Cast<object>().ToArray()));
        Assert.That(run.Blame, Has.Count.EqualTo(options.Steps), "the honest rank of the captured group, in each step");
        Assert.That(reversed.Blame, Has.Count.EqualTo(2 * options.Steps), "and the attacker that is outvoted");
    }

    [Test]
    public void OnesWholeShareIsHonestWork()
    {
        RunFiles run = TrainInProcess.Run(_run with { Attack = "lazy(share=1)" });
        Assert.That(run.Weights, Is.EqualTo(_clean.Weights));
        Assert.That(run.Blame, Is.Empty);
    }

    /// <summary>What the rule will join, in the groups' order, with theirs in place of the captured ones; nobody else knows.</summary>
    [TestCase(2, 1)]
    [TestCase(4, 2)]
    [TestCase(7, 3)]
    public void ColludersKnowWhatTheRuleWillSee(int byzantine, int captured)
    {
        TrainOptions options = (_run with { Byzantine = byzantine, Buckets = 2, Across = "median", Steps = 2 }).Resolve(launchedRanks: null, cores: 2);
        GroupTable groups = GroupTable.Create(options.Ranks!.Value, options.GroupSize, options.Seed);
        bool[] isByzantine = AttackFaults.Byzantine(options, 0);
        Spy[] spies = Run(options);
        int head = Array.IndexOf(isByzantine, true);
        for (int rank = 0; rank < spies.Length; rank++) Assert.That(spies[rank].Heard, Has.Count.EqualTo(rank == head ? options.Steps : 0), $"rank {rank}");
        foreach ((int[] joined, int honest, AttackContext context) in spies[head].Heard)
        {
            List<int> expected = [];
            int sources = 0;
            for (int group = 0; group < groups.GroupCount; group++)
            {
                int marked = groups.Members(group).ToArray().Count(rank => isByzantine[rank]);
                expected.Add(marked >= 2 ? HonestPayloads.Forged : sources);
                if (marked < 3) sources++;
            }

            Assert.That(joined, Is.EqualTo(expected));
            Assert.That(joined.Count(row => row == HonestPayloads.Forged), Is.EqualTo(captured));
            Assert.That(honest, Is.EqualTo(sources));
            Assert.That((context.Seed, context.Rank, context.GradientLength), Is.EqualTo((options.Seed, head, 7850)));
            Assert.That(context.HasMajority, Is.EqualTo(groups.HasMajority(groups.GroupOf(head), isByzantine)));
            Assert.That(context.Rule!.Buckets, Is.EqualTo(2));
        }

        Assert.That(spies[head].Heard.Select(known => known.Context.Step), Is.EqualTo(new[] { 0L, 1L }));
    }

    private static int[] Attackers(TrainOptions options)
    {
        bool[] isByzantine = AttackFaults.Byzantine(options, 0);
        return [.. Enumerable.Range(0, isByzantine.Length).Where(rank => isByzantine[rank])];
    }

    /// <summary>Runs a training whose attackers only listen.</summary>
    private static Spy[] Run(TrainOptions given)
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        TrainOptions options = given with { Out = folder, Name = "run" };
        Spy[] spies = [.. Enumerable.Range(0, options.Ranks!.Value).Select(_ => new Spy())];
        GroupTable groups = GroupTable.Create(options.Ranks.Value, options.GroupSize, options.Seed);
        using SharedParts shared = new(options);
        InProcessWorld.Run(options.Ranks.Value, world =>
        {
            Experiment experiment = new(spies[world.Rank], Placement.Create(options.Placement, groups, options.Byzantine!.Value, options.Seed));
            Assert.That(TrainRun.Execute(world, options, shared, new RunContext(experiment)), Is.EqualTo(ExitCode.Done));
        });
        return spies;
    }

    private sealed class Spy : Attack
    {
        public List<(int[] Joined, int Honest, AttackContext Context)> Heard { get; } = [];

        public override string Name => "spy";

        public override bool NeedsHonestGradients => true;

        public override void Collude(HonestPayloads honest, in AttackContext context, Span<float> payload)
            => Heard.Add(([.. honest.Joined], honest.Count, context));
    }
}
