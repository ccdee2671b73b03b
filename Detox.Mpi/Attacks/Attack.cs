using Detox.Gpu.Tables;

namespace Detox.Mpi.Attacks;

/// <summary>What a Byzantine rank sends in place of its gradient. Only an experiment has attacks.</summary>
/// <remarks>A rank's payload is its gradient, the batch statistics and the loss; an attack replaces all of it.
/// Everything random is seeded by run and step, and by the rank where attackers need not agree, so a run can be replayed to the bit.</remarks>
public abstract class Attack
{
    /// <summary>Every attack, made from its parameters. To add one is to add its file and a row.</summary>
    public static Table<Func<Call, Attack>> Known { get; } = new(
        "attack",
        [
            new(NoAttack.OwnName, "computes and sends like any other", _ => new NoAttack()),
            new("reverse(scale=100)", "sends -scale times its gradient", call => new ReverseAttack(call.Float("scale"))),
            new("constant(value=-100)", "sends one value in every place", call => new ConstantAttack(call.Float("value"))),
            new("gaussian(sigma=1)", "sends normal noise of that deviation", call => new GaussianAttack(call.Float("sigma", above: 0))),
            new("bit-flip", "flips one random bit, as failing hardware does", _ => new BitFlipAttack()),
            new("nan", "sends nothing but NaN", _ => new NanAttack()),
            new("inf", "sends nothing but infinity", _ => new InfAttack()),
            new("stuck", "repeats the first gradient that it computed, as a hung device does", _ => new StuckAttack()),
            new("label-flip", "trains on wrong labels: class c of C becomes C-1-c", _ => new LabelFlipAttack()),
            new("lazy(share=0.5)", "computes with that share of its samples", call => new LazyAttack(call.Float("share", above: 0, most: 1))),
            new("capture(scale=100)", "knows the groups and sits where it wins most; reverses its gradient there, and is honest where it would be outvoted",
                call => new CaptureAttack(call.Float("scale"))),
            new("sign-flip", "sends the negated honest mean", _ => new SignFlipAttack()),
            new("ipm(tau=2)", "sends -tau times the honest mean (inner product manipulation)", call => new IpmAttack(call.Float("tau"))),
            new("opt-ipm", "ipm with the tau that hurts the rule most", _ => new OptIpmAttack()),
            new("alie(z=1,ddof=0)", "sends the honest mean plus z standard deviations (\"a little is enough\"); z=max: the largest that hides",
                call => new AlieAttack(call.FloatOr(AlieAttack.Largest, "z"), call.Int("ddof", 0))),
            new("opt-alie(ddof=0)", "alie with the z that hurts the rule most", call => new OptAlieAttack(call.Int("ddof", 0))),
            new("mimic(row=0)", "repeats one honest gradient", call => new MimicAttack(call.Int("row", 0))),
            new("min-max", "sends the honest mean less as many deviations as leave it no farther from any gradient than two honest ones are", _ => new MinMaxAttack()),
            new("min-sum", "the same with sums of squared distances", _ => new MinSumAttack()),
            new("fang(b=2)", "sends values beyond the honest extremes, against the mean's sign, by at most a factor b", call => new FangAttack(call.Float("b", above: 1))),
            new("silent", "votes honestly, then sends an empty vector", _ => new SilentAttack()),
            new("equivocate", "shows its group one ballot and rank 0 another", _ => new EquivocateAttack()),
            new("mute", "says that its vector follows, then answers nothing", _ => new MuteAttack()),
            new("long", "sends every message twice as long", _ => new LongAttack()),
            new("short", "sends half of every message", _ => new ShortAttack()),
            new("flood", "sends ten more ballots and vectors in every step", _ => new FloodAttack()),
            new("stale", "sends the last step's messages again", _ => new StaleAttack()),
            new("garbage", "sends random bytes for every message", _ => new GarbageAttack()),
            new("copycat", "votes for what its group has shown", _ => new CopycatAttack()),
            new("liar", "votes for another vector, and shows leaves of none", _ => new LiarAttack()),
            new("relay", "passes on other weights than rank 0's", _ => new RelayAttack()),
            new("slow(seconds=1)", "sends after a pause", call => new SlowAttack(call.Float("seconds", above: 0))),
            new("stop", "never speaks again after the first step", _ => new StopAttack()),
            new("die", "ends its process in the second step", _ => new DieAttack()),
        ]);

    /// <summary>The canonical text, parameters as resolved: "alie(z=1,ddof=0)".</summary>
    public abstract string Name { get; }

    /// <summary>Whether the attackers must know the honest ranks' gradients: the step then gathers them, and times that apart. They all send one payload.</summary>
    public virtual bool NeedsHonestGradients => false;

    /// <summary>The fewest honest gradients of which it can make something.</summary>
    public virtual int HonestNeeded => 1;

    /// <summary>Whether it works against the rule at hand.</summary>
    public virtual bool NeedsRule => false;

    /// <summary>The placement that the attackers choose themselves; null: the experiment's.</summary>
    public virtual string? OwnPlacement => null;

    /// <summary>Whether Byzantine ranks do anything at all.</summary>
    public virtual bool IsNone => false;

    /// <summary>Why no vector shows what it does; null where one does.</summary>
    private protected virtual string? NoVector => null;

    /// <summary>Reads "alie(z=1.5)"; a FormatException says what exists.</summary>
    public static Attack Parse(string text)
    {
        (Func<Call, Attack> make, Call call) = Known.Find(text);
        return make(call);
    }

    /// <summary>What an attacker sends where honest ranks have computed these gradients; one that changes its own gradient has computed the first of them, and is in the majority of its group.</summary>
    /// <param name="honest">n rows of d floats.</param>
    /// <param name="byzantine">f: the rule joins the n rows, and after them f times what this returns.</param>
    /// <param name="rule">For an attack that <see cref="NeedsRule"/>.</param>
    /// <param name="seed">Decides, with the step, all that is random.</param>
    /// <returns>d floats. One that keeps what it has seen may return others in its next call.</returns>
    /// <exception cref="DetoxException">There are too few rows for it or for the rule, or it has no vector to show.</exception>
    /// <exception cref="ArgumentException">Rows differ in length.</exception>
    public float[] Send(float[][] honest, int byzantine, KnownRule? rule = null, ulong seed = 1, long step = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byzantine);
        HonestPayloads payloads = new(honest, byzantine);
        AttackContext context = new(seed, step, Rank: 0) { HasMajority = true, GradientLength = honest.Length == 0 ? 0 : honest[0].Length, Rule = rule };
        if ((NoVector ?? Problem(payloads, context)) is { } problem) throw new DetoxException(ExitCode.Usage, $"--attack {Name}: {problem}.");
        float[] payload = [.. honest[0]];
        if (NeedsHonestGradients) Collude(payloads, context, payload);
        else Replace(payload, context);
        return payload;
    }

    /// <summary>Null, or why it can make nothing of what the attackers know.</summary>
    public string? Problem(HonestPayloads honest, in AttackContext context)
    {
        if (honest.Count < HonestNeeded) return $"it takes at least {HonestNeeded} honest gradients, and there are {honest.Count}";
        if (!NeedsRule) return null;
        return context.Rule is { } rule ? rule.Problem(honest.Joined.Count) : "it takes a rule to work against";
    }

    /// <summary>Turns the honest payload, in place, into the one that this rank claims to have computed.</summary>
    /// <param name="payload">In: what an honest rank would send. Out: what this one sends.</param>
    public virtual void Replace(Span<float> payload, in AttackContext context)
    {
    }

    /// <summary>For an attack that <see cref="NeedsHonestGradients"/>: the payload that all attackers send.</summary>
    public virtual void Collude(HonestPayloads honest, in AttackContext context, Span<float> payload)
        => throw new NotSupportedException($"{Name} asks for no honest gradients.");
}
