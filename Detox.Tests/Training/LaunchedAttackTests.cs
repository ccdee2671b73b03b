using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>Under every attack the ranks of a launcher end in the weights of a run without any, and name the attackers alone.</summary>
/// <remarks>Each attack runs over one launcher; with DETOX_MATRIX=full, which jobs/matrix.sh sets, over all of them.</remarks>
[Category("Ranks")]
public sealed class LaunchedAttackTests
{
    private const int Nodes = 3;

    private static readonly (string? Launcher, int Nodes)[] _places =
        [(MpiRunner.OpenMpi, 1), (MpiRunner.Mpich, Nodes), (MpiRunner.Mpich, 1), (MpiRunner.OpenMpi, Nodes), (null, 1)];

    private static readonly TrainOptions _run = WithLeader(TrainInProcess.Small with
    {
        Ranks = 15,
        GroupSize = 5,
        Byzantine = 2,
        Placement = "fixed",
        Batch = 5,
        Steps = 10,
        Patience = 1,
    });

    private string _clean = null!;

    private static IEnumerable<TestCaseData> Cases()
    {
        // In one process all attacks on the protocol are tested elsewhere.
        int rotating = _places.Length - 1, next = 0;
        foreach (string attack in Attack.Known.Names.Where(name => name is not ("none" or "die")))
        {
            (string? Launcher, int Nodes)[] places = Campaign.IsFull ? _places : attack == "relay" ? [_places[1], _places[3]] : [_places[next++ % rotating]];
            foreach ((string? launcher, int nodes) in places)
                yield return new TestCaseData(attack, launcher, nodes).SetArgDisplayNames(attack, launcher ?? "one process", $"{nodes} nodes");
        }
    }

    [OneTimeSetUp]
    public void TrainWithoutAttack() => _clean = TrainInProcess.Run(_run with { Attack = "none" }).Weights;

    [TestCaseSource(nameof(Cases))]
    public void NoBitChangesAndTheAttackersAreNamed(string attack, string? launcher, int nodes)
    {
        TrainOptions options = _run with { Attack = AttackFaults.Text(attack) };
        RunFiles run = DetoxProgram.Train(launcher, options.Ranks!.Value, Line(options), DetoxProgram.OnNodes(nodes));
        Assert.That(run.Weights, Is.EqualTo(_clean));
        Assert.That(run.Steps.Sum(step => step.GetProperty("voids").GetArrayLength()), Is.Zero);
        int[] carriers = nodes == 1 ? [] : Leaders(options);
        AttackFaults.AssertOnlyAttackersAreNamed(run, options, attack, carriers: carriers);
        AttackFaults.AssertEachAttackerIsNamed(run, options, attack);
        if (attack == "relay")
        {
            Assert.That(run.Blame.Select(row => (int.Parse(row[1]), row[3])), Is.EqualTo(carriers.Select(leader => (leader, "false-weights"))),
                "a leader is named once: nobody takes weights from it any more");
        }
    }

    /// <summary>As a person types them.</summary>
    private static string Line(TrainOptions options)
        => $"--group-size {options.GroupSize} --byzantine {options.Byzantine} --placement {options.Placement} --attack {options.Attack} --model {options.Model} "
            + $"--batch {options.Batch} --steps {options.Steps} --evaluate-every 0 --patience {options.Patience} --seed {options.Seed}";

    /// <summary>The first seed that makes one attacker, not rank 0, the rank that passes weights on to its node.</summary>
    private static TrainOptions WithLeader(TrainOptions options)
    {
        while (AttackFaults.Byzantine(options, 0)[0] || Leaders(options).Length != 1) options = options with { Seed = options.Seed + 1 };
        return options;
    }

    private static int[] Leaders(TrainOptions options)
    {
        int onNode = options.Ranks!.Value / Nodes;
        return [.. Enumerable.Range(1, Nodes - 1).Select(node => node * onNode).Where(rank => AttackFaults.Byzantine(options, 0)[rank])];
    }
}
