using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>For each attack the faults that its ranks may be named for, whatever carries the messages.</summary>
internal static class AttackFaults
{
    /// <summary>What a rank may be named for besides that passes weights on, to its node or to others, and does so wrongly or not at all.</summary>
    private static readonly string[] _carriersFaults = ["false-weights", "no-answer"];

    private static readonly Dictionary<string, string[]> _faults = new()
    {
        ["none"] = [],
        ["reverse"] = ["dissent"],
        ["constant"] = ["dissent"],
        ["gaussian"] = ["dissent"],
        ["bit-flip"] = ["dissent"],
        ["nan"] = ["dissent"],
        ["inf"] = ["dissent"],
        ["stuck"] = ["dissent"],
        ["label-flip"] = ["dissent"],
        ["lazy"] = ["dissent"],

        // Outvoted it is honest.
        ["capture"] = [],
        ["sign-flip"] = ["dissent"],
        ["ipm"] = ["dissent"],
        ["opt-ipm"] = ["dissent"],
        ["alie"] = ["dissent"],
        ["opt-alie"] = ["dissent"],
        ["mimic"] = ["dissent"],
        ["min-max"] = ["dissent"],
        ["min-sum"] = ["dissent"],
        ["fang"] = ["dissent"],
        ["silent"] = ["vector-mismatch"],
        ["equivocate"] = ["dissent", "false-leaves"],
        ["mute"] = ["no-answer"],
        ["long"] = ["protocol"],
        ["short"] = ["protocol"],

        // Where its vector was wanted, one of those that it sent in its place.
        ["flood"] = ["protocol", "vector-mismatch"],
        ["stale"] = ["protocol"],
        ["garbage"] = ["protocol"],
        ["copycat"] = ["dissent", "false-leaves"],
        ["liar"] = ["dissent", "false-leaves"],
        ["relay"] = [],
        ["slow"] = [],
        ["stop"] = ["absent"],
        ["die"] = ["absent"],
    };

    public static IEnumerable<string> Attacks => _faults.Keys;

    public static string[] Of(string attack) => _faults[attack];

    /// <summary>Whether each of its ranks is sure to be named: which vectors are wanted, time decides.</summary>
    public static bool NamesAll(string attack) => Of(attack).Length > 0 && attack is not "silent";

    /// <summary>In how many steps a rank is named that is Byzantine in every step, where a step waits for all ranks.</summary>
    public static int Times(string attack, TrainOptions options, int rank) => attack switch
    {
        "stop" or "die" => 1,

        // The first step has none before it.
        "stale" or "stuck" => options.Steps - 1,

        // Of its own group the repeated gradient is the right one.
        "mimic" when Groups(options).GroupOf(rank) == 0 => 0,
        _ => options.Steps,
    };

    /// <summary>Every blame is of a Byzantine rank, for a fault of its attack.</summary>
    /// <param name="mayBeLate">Whether what a rank does in one step may be seen in a later one.</param>
    /// <param name="carriers">The ranks that pass weights on; none on one node.</param>
    public static void AssertOnlyAttackersAreNamed(RunFiles run, TrainOptions options, string attack, bool mayBeLate = false, params int[] carriers)
    {
        foreach (string[] row in run.Blame)
        {
            // What comes too much may come when its step is over.
            long step = long.Parse(row[0]), first = row[3] == "protocol" || mayBeLate ? 0 : step;
            bool isByzantine = Enumerable.Range((int)first, (int)(step - first) + 1).Any(s => Byzantine(options, s)[int.Parse(row[1])]);
            Assert.That(isByzantine, Is.True, $"rank {row[1]} did nothing wrong in step {row[0]}: {row[3]}");
            bool carriesWrongly = IsOnProtocol(attack) && carriers.Contains(int.Parse(row[1])) && _carriersFaults.Contains(row[3]);
            if (!carriesWrongly) Assert.That(Of(attack), Does.Contain(row[3]), $"rank {row[1]} in step {row[0]}");
        }
    }

    /// <summary>Every Byzantine rank of a fixed placement is named for its fault as often as it attacked.</summary>
    public static void AssertEachAttackerIsNamed(RunFiles run, TrainOptions options, string attack)
    {
        bool[] byzantine = Byzantine(options, 0);
        for (int rank = 0; rank < byzantine.Length; rank++)
        {
            int named = run.Blame.Count(row => row[1] == $"{rank}" && Of(attack).Contains(row[3]));

            // Time decides in which step rank 0 comes to see what came too much.
            if (byzantine[rank] && attack == "flood") Assert.That(named, Is.GreaterThanOrEqualTo(options.Steps / 2), $"rank {rank}");
            else if (byzantine[rank] && NamesAll(attack)) Assert.That(named, Is.EqualTo(Times(attack, options, rank)), $"rank {rank}");
        }
    }

    /// <summary>An attack as the tests run it: fast enough.</summary>
    public static string Text(string attack) => attack == "slow" ? "slow(seconds=0.05)" : attack;

    public static bool IsOnProtocol(string attack) => Attack.Parse(attack) is ProtocolAttack;

    public static bool[] Byzantine(TrainOptions options, long step)
    {
        bool[] byzantine = new bool[options.Ranks!.Value];
        Experiment.Of(options, Groups(options)).Placement.Byzantine(step, byzantine);
        return byzantine;
    }

    private static GroupTable Groups(TrainOptions options) => GroupTable.Create(options.Ranks!.Value, options.GroupSize, options.Seed);
}
