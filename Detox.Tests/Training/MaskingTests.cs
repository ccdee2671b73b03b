using Detox.Gpu;
using Detox.Mpi;
using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>With fewer wrong ranks than a majority in every group, the weights are those of a run without any attack.</summary>
public sealed class MaskingTests
{
    private const int MaskedByzantine = 3;

    /// <summary>The attacks that dissent in every step.</summary>
    private static readonly string[] _attacks =
    [
        .. Attack.Known.Names.Where(name => !AttackFaults.IsOnProtocol(name) && name is not ("none" or "capture" or "mimic" or "stuck")),
        "alie(z=3)",
        "alie(z=max)",
        "equivocate",
    ];

    private static readonly string[] _masked = [.. _attacks, "mimic(row=1)", "stuck"];
    private static readonly ulong _seed = SeedWithoutCapture();
    private RunFiles _clean = null!;

    [OneTimeSetUp]
    public void TrainWithoutAttack() => _clean = TrainInProcess.Run(TrainInProcess.Small with { Seed = _seed });

    [TestCaseSource(nameof(_masked))]
    public void OneWrongRankInEveryGroupChangesNoBit(string attack)
    {
        RunFiles run = TrainInProcess.Run(Attacked(attack));
        Assert.That(run.Weights, Is.EqualTo(_clean.Weights));
        Assert.That(run.Steps.Sum(step => step.GetProperty("voids").GetArrayLength()), Is.Zero);
    }

    [TestCaseSource(nameof(_attacks))]
    public void BlameNamesEveryRankAndStep(string attack)
    {
        TrainOptions options = Attacked(attack);
        bool[] byzantine = Byzantine(options);
        List<(int, int)> expected = [];
        for (int step = 0; step < options.Steps; step++)
        {
            for (int rank = 0; rank < byzantine.Length; rank++)
            {
                if (byzantine[rank]) expected.Add((step, rank));
            }
        }

        IEnumerable<(int, int)> named = TrainInProcess.Run(options).Blame.Select(row => (int.Parse(row[0]), int.Parse(row[1]))).Distinct();
        Assert.That(named, Is.EquivalentTo(expected));
    }

    [Test]
    public void BlameNamesTheFlippedParameter()
    {
        TrainOptions options = Attacked("bit-flip");
        RunFiles run = TrainInProcess.Run(options);
        Assert.That(run.Blame, Has.Count.EqualTo(MaskedByzantine * options.Steps));
        foreach (string[] row in run.Blame)
        {
            // The attack draws the index first, from its own step's and rank's stream.
            const ulong attackKey = 0xA77AC4;
            SeededRandom random = new(options.Seed, attackKey, ulong.Parse(row[0]), ulong.Parse(row[1]));
            int index = random.NextInt((784 * 10) + 10 + 1), bit = random.NextInt(32);
            Assert.That(row[5], Is.EqualTo(index.ToString()));
            Assert.That(row[4], Is.EqualTo("1"), "one leaf differs");
            uint expected = BitConverter.SingleToUInt32Bits(RunFiles.Number(row[7])), found = BitConverter.SingleToUInt32Bits(RunFiles.Number(row[8]));
            if (float.IsFinite(RunFiles.Number(row[8]))) Assert.That(expected ^ found, Is.EqualTo(1u << bit));
            Assert.That(row[6], Is.Not.Empty);
        }
    }

    [TestCase("blake3")]
    [TestCase("sha256")]
    [TestCase("xxh128")]
    public void EitherBallotGivesTheSameWeights(string ballot)
    {
        Gpu.Digests.BallotKind kind = Enum.Parse<Gpu.Digests.BallotKind>(ballot, ignoreCase: true);
        Assert.That(TrainInProcess.Run(Attacked("reverse") with { Ballot = kind }).Weights, Is.EqualTo(_clean.Weights));
    }

    [Test]
    public void ACapturedGroupChangesTheWeights()
    {
        RunFiles run = TrainInProcess.Run(TrainInProcess.Small with { Attack = "reverse", Byzantine = 2, Placement = "worst", Across = "mean", Seed = _seed });
        Assert.That(run.Weights, Is.Not.EqualTo(_clean.Weights));
    }

    private static TrainOptions Attacked(string attack) => Attacked(attack, _seed);

    private static TrainOptions Attacked(string attack, ulong seed)
        => TrainInProcess.Small with { Attack = attack, Byzantine = MaskedByzantine, Placement = "fixed", Seed = seed };

    /// <summary>The first seed whose fixed placement puts the three attackers into three groups.</summary>
    private static ulong SeedWithoutCapture()
    {
        for (ulong seed = 1; ; seed++)
        {
            TrainOptions options = Attacked("none", seed);
            bool[] byzantine = Byzantine(options);
            GroupTable groups = Groups(options);
            if (Enumerable.Range(0, byzantine.Length).Where(rank => byzantine[rank]).Select(groups.GroupOf).Distinct().Count() == MaskedByzantine) return seed;
        }
    }

    private static GroupTable Groups(TrainOptions options) => GroupTable.Create(options.Ranks!.Value, options.GroupSize, options.Seed);

    private static bool[] Byzantine(TrainOptions options)
    {
        bool[] byzantine = new bool[options.Ranks!.Value];
        Placement.Create(options.Placement, Groups(options), options.Byzantine!.Value, options.Seed).Byzantine(0, byzantine);
        return byzantine;
    }
}
