using System.Globalization;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Networks;
using Detox.Mpi.Attacks;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Data;
using Detox.Mpi.Groups;
using Detox.Mpi.Training.Schedules;

namespace Detox.Mpi.Training;

/// <summary>One option of train: its name on the command line and in a TOML file, its help, and its field.</summary>
/// <param name="Name">Without dashes: also the key in a file.</param>
/// <param name="Value">What stands for the value in the help.</param>
/// <param name="Help">A sentence; where there is a table to choose from, its rows on lines of their own.</param>
/// <param name="Apply">The options with this one set from its text; a FormatException says what was expected.</param>
/// <param name="Text">This option's value as text; empty where it is not set.</param>
/// <param name="Repeats">Whether it may be given several times on the command line; in a file the values stand in one text, with ';' between them.</param>
public sealed record TrainOption(
    string Name,
    string Value,
    string Help,
    Func<TrainOptions, string, TrainOptions> Apply,
    Func<TrainOptions, string> Text,
    bool Repeats = false)
{
    private const string None = "none";

    private static readonly string[] _ofARank = ["device", "threads", "out", "name", "evaluate-every", "checkpoint-every", "max-hours", "patience"];

    /// <summary>Whether all ranks of a job must have the same value.</summary>
    public bool IsTheJobs => !_ofARank.Contains(Name);

    /// <summary>Every option, in the order in which they are shown.</summary>
    public static IReadOnlyList<TrainOption> All { get; } =
    [
        new("ranks", "P", "ranks p (under mpiexec or srun: as many as were started; else 45)",
            (o, s) => o with { Ranks = Integer(s) }, o => $"{o.Ranks}"),
        new("group-size", "R", "ranks r that compute the same gradient and vote; odd; 1: no redundancy (3)",
            (o, s) => o with { GroupSize = Integer(s) }, o => $"{o.GroupSize}"),
        new("byzantine", "Q", "ranks q that an experiment lets attack in each step (p/9: 5 of 45)",
            (o, s) => o with { Byzantine = Integer(s) }, o => $"{o.Byzantine}"),
        new("attack", "ATTACK", $"what a Byzantine rank does (reverse):{Attack.Known.Lines()}",
            (o, s) => o with { Attack = s }, o => o.Attack),
        new("placement", "WHERE", $"which ranks attack (random):{Placement.Known.Lines()}",
            (o, s) => o with { Placement = s }, o => o.Placement),
        new("buckets", "K", "buckets of vote winners for the within-rule (as many as groups: no bucketing)",
            (o, s) => o with { Buckets = Integer(s) }, o => $"{o.Buckets}"),
        new("within", "RULE", "rule that reduces a bucket to one vector, one of those of --across (mean)",
            (o, s) => o with { Within = s }, o => o.Within),
        new("across", "RULE", $"rule that joins the buckets; f is what q ranks can win unless given (median):{AggregationRule.Known.Lines()}",
            (o, s) => o with { Across = s }, o => o.Across),
        new("pre", "PRE", $"what becomes of the vectors before --across; several are applied in their order (none):{PreRule.Known.Lines()}",
            (o, s) => o with { Pre = s == None ? "" : s }, o => o.Pre.Length == 0 ? None : o.Pre, Repeats: true),
        new("on-void", "WHAT", "a group without a majority: skip it, or recompute its part once (skip)",
            (o, s) => o with { OnVoid = Choice<OnVoid>(s) }, o => Choice(o.OnVoid)),
        new("wait", "WHO", "a step waits for all ranks that are not known to be absent, or for a majority of each group (all)",
            (o, s) => o with { Wait = Choice<Wait>(s) }, o => Choice(o.Wait)),
        new("patience", "SECONDS", "the longest that a step waits for a rank, the first step longer; auto: 10 median steps, at least 5 s (auto)",
            (o, s) => o with { Patience = s == "auto" ? null : Number(s) }, o => o.Patience is { } seconds ? Decimal(seconds) : "auto"),
        new("ballot", "HASH", "digest that is voted on: blake3, sha256, or xxh128 where no fault is malicious (blake3)",
            (o, s) => o with { Ballot = Choice<Gpu.Digests.BallotKind>(s) }, o => Choice(o.Ballot)),
        new("model", "MODEL", $"network that is trained (lenet):{Network.Known.Lines()}",
            (o, s) => o with { Model = s }, o => o.Model),
        new("data", "SET", $"folder of IDX or CIFAR binary files, or a built-in set (digits):{DataSource.Known.Lines()}",
            (o, s) => o with { Data = s }, o => o.Data),
        new("augment", "HOW", "vary the training images: cifar (shifted by up to 4 pixels, flipped) or none (cifar for a folder of CIFAR files)",
            (o, s) => o with { Augment = Choice<Data.Augment>(s) }, o => o.Augment is { } how ? Choice(how) : ""),
        new("batch", "N", "samples that a rank computes in a step (32)",
            (o, s) => o with { Batch = Integer(s) }, o => $"{o.Batch}"),
        new("steps", "N", "steps to train (200)",
            (o, s) => o with { Steps = Integer(s) }, o => $"{o.Steps}"),
        new("learning-rate", "X", "step length of SGD (0.01)",
            (o, s) => o with { LearningRate = Number(s) }, o => Decimal(o.LearningRate)),
        new("schedule", "SCHEDULE", $"learning rate over the steps (constant):{Schedule.Known.Lines()}",
            (o, s) => o with { Schedule = s }, o => o.Schedule),
        new("warm-up", "N", "first steps, over which the learning rate rises linearly (0)",
            (o, s) => o with { WarmUp = Integer(s) }, o => $"{o.WarmUp}"),
        new("momentum", "X", "momentum of SGD, below 1 (0.9)",
            (o, s) => o with { Momentum = Number(s) }, o => Decimal(o.Momentum)),
        new("weight-decay", "X", "weight decay of SGD (0)",
            (o, s) => o with { WeightDecay = Number(s) }, o => Decimal(o.WeightDecay)),
        new("weight-decay-on", "WHAT", "what decays: all parameters, or the weights without biases and normalisations (all)",
            (o, s) => o with { WeightDecayOn = Choice<WeightDecayOn>(s) }, o => Choice(o.WeightDecayOn)),
        new("seed", "N", "seed of weights, groups, samples, placements and attacks (1)",
            (o, s) => o with { Seed = Unsigned(s) }, o => $"{o.Seed}"),
        new("device", "DEVICE", "auto, cpu, cuda, opencl or simulator, as cuda:1, or a list for the ranks in turn (auto: cuda, else cpu)",
            (o, s) => o with { Device = s }, o => o.Device),
        new("threads", "N", "threads of a rank (the node's cores over its ranks, at least 1)",
            (o, s) => o with { Threads = Integer(s) }, o => $"{o.Threads}"),
        new("evaluate-every", "N", "steps between looks at the test set; 0: only at the end (50)",
            (o, s) => o with { EvaluateEvery = Integer(s) }, o => $"{o.EvaluateEvery}"),
        new("checkpoint-every", "N", "steps, or a time as 30 s, 10 min or 1 h, between checkpoints, of which the last two are kept; 0: none (10 min)",
            (o, s) => o with { CheckpointEvery = CheckpointInterval.Parse(s) }, o => o.CheckpointEvery.ToString()),
        new("max-hours", "H", "stop behind the step in which so many hours are over, with a checkpoint and exit code 85 (none)",
            (o, s) => o with { MaxHours = s == None ? null : Number(s) }, o => o.MaxHours is { } hours ? Decimal(hours) : None),
        new("quarantine", "K/W", "ask a rank no more that was wrong in K of the last W steps in which it voted (none)",
            (o, s) => o with { Quarantine = QuarantineRule.Parse(s) }, o => o.Quarantine.ToString()),
        new("measure", "WHAT", "what steps.jsonl holds besides: variance, that of the mean of the winners' gradients, or none (none)",
            (o, s) => o with { Measure = Choice<Measure>(s) }, o => Choice(o.Measure)),
        new("out", "DIR", "folder that receives the run's folder (runs)",
            (o, s) => o with { Out = s }, o => o.Out),
        new("name", "NAME", "name of the run's folder (the time of the start)",
            (o, s) => o with { Name = s }, o => o.Name ?? ""),
    ];

    /// <summary>Sets the option from text; an error names the place it came from, the option, and what was expected.</summary>
    public TrainOptions Set(TrainOptions options, string text, string place)
    {
        try
        {
            return Apply(options, text);
        }
        catch (FormatException error)
        {
            throw new DetoxException(ExitCode.Usage, $"{place}: expected {error.Message}, found '{text}'.");
        }
    }

    private static int Integer(string text)
        => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value)
            ? value : throw new FormatException("a whole number");

    private static ulong Unsigned(string text)
        => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value)
            ? value : throw new FormatException("a whole number from 0");

    private static float Number(string text)
        => float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value)
            ? value : throw new FormatException("a number");

    private static string Decimal(float value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static T Choice<T>(string text)
        where T : struct, Enum
    {
        foreach (T value in Enum.GetValues<T>())
            if (Choice(value) == text) return value;
        throw new FormatException(string.Join(" or ", Enum.GetValues<T>().Select(Choice)));
    }

    private static string Choice<T>(T value)
        where T : struct, Enum
        => value.ToString().ToLowerInvariant();
}
