using System.Globalization;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Attacks;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Data;
using Detox.Mpi.Groups;

namespace Detox.Mpi.Training;

/// <summary>What to do with a group without a majority.</summary>
public enum OnVoid
{
    /// <summary>Leave it out of this step.</summary>
    Skip,

    /// <summary>Let its ranks compute the same part once more, then leave it out if it is void still.</summary>
    Recompute,
}

/// <summary>When a step ends.</summary>
public enum Wait
{
    /// <summary>When all ranks that are not known to be absent have voted.</summary>
    All,

    /// <summary>When every group has a majority.</summary>
    Majority,
}

/// <summary>Which parameters the weight decay shortens.</summary>
public enum WeightDecayOn
{
    All,

    /// <summary>Matrices and filters: no biases, no scales and shifts of a normalisation.</summary>
    Weights,
}

/// <summary>What a run measures besides what it needs.</summary>
public enum Measure
{
    None,

    /// <summary>The variance of the winners' mean, in each step.</summary>
    Variance,
}

/// <summary>All settings of one training run. Where a number is null, <see cref="Resolve"/> finds it.</summary>
/// <remarks>The names, defaults and help texts that people see are in <see cref="TrainOption.All"/>.</remarks>
public sealed record TrainOptions
{
    /// <summary>p. Null: as many as were started, else 45.</summary>
    public int? Ranks { get; init; }

    /// <summary>r, odd.</summary>
    public int GroupSize { get; init; } = 3;

    /// <summary>q. Null: one rank in nine, 5 of 45.</summary>
    public int? Byzantine { get; init; }

    public string Attack { get; init; } = "reverse";

    public string Placement { get; init; } = "random";

    /// <summary>Buckets of vote winners. Null: one for each group, so the across-rule sees the winners themselves.</summary>
    public int? Buckets { get; init; }

    public string Within { get; init; } = "mean";

    public string Across { get; init; } = "median";

    /// <summary>Pre-rules of the across-rule, with ';' between them; empty: none.</summary>
    public string Pre { get; init; } = "";

    public OnVoid OnVoid { get; init; }

    public Wait Wait { get; init; }

    /// <summary>Seconds that a step waits for a rank. Null: ten median steps, at least 5.</summary>
    public float? Patience { get; init; }

    public BallotKind Ballot { get; init; }

    public string Model { get; init; } = "lenet";

    public string Data { get; init; } = "digits";

    /// <summary>Null: as is usual for the data.</summary>
    public Augment? Augment { get; init; }

    /// <summary>Samples that a rank computes in a step.</summary>
    public int Batch { get; init; } = 32;

    public int Steps { get; init; } = 200;

    public float LearningRate { get; init; } = 0.01f;

    public string Schedule { get; init; } = "constant";

    /// <summary>Steps over which the learning rate rises.</summary>
    public int WarmUp { get; init; }

    public float Momentum { get; init; } = 0.9f;

    public float WeightDecay { get; init; }

    public WeightDecayOn WeightDecayOn { get; init; }

    public ulong Seed { get; init; } = 1;

    public string Device { get; init; } = "auto";

    /// <summary>Threads of a rank. Null: its share of the cores that it may run on, at least 1.</summary>
    public int? Threads { get; init; }

    /// <summary>Steps between evaluations on the test set; 0: only at the end.</summary>
    public int EvaluateEvery { get; init; } = 50;

    /// <summary>How often the run is saved.</summary>
    public CheckpointInterval CheckpointEvery { get; init; } = CheckpointInterval.Default;

    /// <summary>Hours after which the run stops, and may go on later. Null: it does not.</summary>
    public float? MaxHours { get; init; }

    /// <summary>When a rank is asked no more.</summary>
    public QuarantineRule Quarantine { get; init; }

    public Measure Measure { get; init; }

    /// <summary>The folder that receives the run's folder.</summary>
    public string Out { get; init; } = "runs";

    /// <summary>The run's folder within <see cref="Out"/>. Null: the time of the start.</summary>
    public string? Name { get; init; }

    public int GroupCount => Ranks!.Value / GroupSize;

    /// <summary>f: the most groups that q ranks can win, (r+1)/2 ranks each. What the rules are told.</summary>
    public int MostCapturedGroups => Byzantine!.Value / ((GroupSize + 1) / 2);

    /// <summary>Whether some rank is wrong on purpose.</summary>
    public bool IsAttacked => Byzantine > 0 && Attack != NoAttack.OwnName;

    /// <summary>What attackers know of the rules.</summary>
    internal KnownRule KnownRule() => new(CreateAcross)
    {
        Within = () => AggregationRule.Parse(Within, MostCapturedGroups),
        Buckets = Buckets!.Value,
    };

    /// <summary>The options as a person types them.</summary>
    public override string ToString() => string.Join(' ', TrainOption.All.Select(option => $"--{option.Name} {option.Text(this)}"));

    /// <summary>Fills in what depends on the machine and on how the program was started.</summary>
    /// <param name="launchedRanks">The number of ranks that a launcher started; null without one.</param>
    /// <param name="cores">The processors that this rank may keep busy; in an in-process run, all ranks together.</param>
    public TrainOptions Resolve(int? launchedRanks, int cores)
    {
        int ranks = Ranks ?? launchedRanks ?? 45;
        return this with
        {
            Ranks = ranks,
            Byzantine = Byzantine ?? ranks / 9,
            Buckets = Buckets ?? Math.Max(1, ranks / Math.Max(1, GroupSize)),
            Augment = Augment ?? DataSource.UsualAugment(Data),
            Threads = Threads ?? Math.Max(1, cores),
            Name = Name ?? DateTime.Now.ToString("yyyyMMdd-HHmmss-fff", CultureInfo.InvariantCulture),
        };
    }

    /// <summary>The across-rule behind its pre-rules.</summary>
    /// <exception cref="FormatException">A text names nothing that there is.</exception>
    public AggregationRule CreateAcross()
        => AggregationRule.Parse(Pre.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), Across, MostCapturedGroups);

    /// <summary>All problems of resolved options, each one sentence that names the option; none when they can be run.</summary>
    public IReadOnlyList<string> Validate()
    {
        List<string> problems = [];
        int p = Ranks!.Value, r = GroupSize, q = Byzantine!.Value;
        Require(p >= 1, $"--ranks {p}: at least 1.");
        Require(r >= 1 && r % 2 == 1, $"--group-size {r}: a vote needs an odd number of ranks; take {Math.Max(1, r - 1)} or {r + 1}.");
        Require(r < 1 || p % r == 0, $"--group-size {r}: {p} ranks cannot be cut into groups of {r}; start a multiple of {r} ranks.");
        Require(q >= 0 && q <= p, $"--byzantine {q}: between 0 and the {p} ranks.");
        Require(Batch >= 1, $"--batch {Batch}: at least 1 sample.");
        Require(Steps >= 1, $"--steps {Steps}: at least 1.");
        Require(WarmUp >= 0, $"--warm-up {WarmUp}: 0 steps or more.");
        Require(WarmUp < Steps || WarmUp <= 0, $"--warm-up {WarmUp}: fewer than the {Steps} steps of the run.");
        Require(Patience is not <= 0 && Patience is not float.NaN and not float.PositiveInfinity, $"--patience {Patience}: a positive number of seconds.");
        Require(Threads >= 1, $"--threads {Threads}: at least 1.");
        Require(EvaluateEvery >= 0, $"--evaluate-every {EvaluateEvery}: 0 (only at the end) or more.");
        Require(MaxHours is not <= 0 && MaxHours is not float.NaN and not float.PositiveInfinity, $"--max-hours {MaxHours}: a positive number of hours.");
        Require(Quarantine.IsNever || r > 1, $"--quarantine {Quarantine}: in groups of one nobody finds a rank wrong.");
        Require(float.IsFinite(LearningRate) && LearningRate > 0, $"--learning-rate {LearningRate}: a positive number.");
        Require(Momentum is >= 0 and < 1, $"--momentum {Momentum}: at least 0 and below 1.");
        Require(float.IsFinite(WeightDecay) && WeightDecay >= 0, $"--weight-decay {WeightDecay}: 0 or more.");
        if (DeviceChoice.Problem(Device) is { } wrongDevice) problems.Add(wrongDevice);
        Require(Network.Known.Names.Contains(Model), $"--model: {Network.Known.NoSuch(Model)}");
        Parse("--schedule", () => LearningRateSchedule.Create(this));
        Attack? attack = Parse("--attack", () => Attacks.Attack.Parse(Attack));
        Require(Out.Length > 0, "--out: a folder's name.");
        Require(
            Name!.Length > 0 && Name.IndexOfAny(Path.GetInvalidFileNameChars()) < 0 && Name is not ("." or ".."),
            $"--name {Name}: the name of one folder, without '/'.");
        if (problems.Count > 0) return problems;

        Require(
            Buckets >= 1 && Buckets <= GroupCount,
            $"--buckets {Buckets}: {p} ranks in groups of {r} send {GroupCount} winners; between 1 and {GroupCount} buckets.");
        Require(attack!.HonestNeeded <= GroupCount, $"--attack {Attack}: it takes at least {attack.HonestNeeded} honest gradients, and there are {GroupCount} groups.");
        Parse("--placement", () => Groups.Placement.Create(Placement, GroupTable.Create(p, r, Seed), q, Seed));
        AggregationRule? within = Parse("--within", () => AggregationRule.Parse(Within, MostCapturedGroups));
        AggregationRule? across = Parse("--across", CreateAcross);
        if (problems.Count == 0 && BucketedAggregation.Problem(within!, across!, Buckets!.Value, GroupCount) is { } problem)
            problems.Add($"--across {Across}, {(Pre.Length == 0 ? "" : $"--pre {Pre}, ")}--within {Within}, --buckets {Buckets}: {problem}");
        return problems;

        void Require(bool holds, string problem)
        {
            if (!holds) problems.Add(problem);
        }

        T? Parse<T>(string option, Func<T> parse)
            where T : class
        {
            try
            {
                return parse();
            }
            catch (FormatException error)
            {
                problems.Add($"{option}: {error.Message}");
                return null;
            }
        }
    }
}
