using Detox.Gpu;
using Detox.Gpu.Tables;

namespace Detox.Mpi.Attacks;

/// <summary>What a Byzantine rank sends in place of its gradient. Only an experiment has attacks.</summary>
/// <remarks>A rank's payload is its gradient, the batch statistics and the loss; an attack replaces all of it.
/// Everything random is seeded by run, step and rank, so a run can be replayed to the bit.</remarks>
public abstract class Attack
{
    /// <summary>Every attack, made from its parameters. To add one is to add its file and a row.</summary>
    public static Table<Func<Call, Attack>> Known { get; } = new(
        "attack",
        [
            new("none", "computes and sends like any other", _ => new NoAttack()),
            new("reverse(scale=100)", "sends -scale times its gradient", call => new ReverseAttack(call.Float("scale"))),
            new("constant(value=-100)", "sends one value in every place", call => new ConstantAttack(call.Float("value"))),
            new("alie(z=1)", "sends the honest mean plus z standard deviations (\"a little is enough\")", call => new AlieAttack(call.Float("z"))),
            new("bit-flip", "flips one random bit, as failing hardware does", _ => new BitFlipAttack()),
            new("nan", "sends nothing but NaN", _ => new NanAttack()),
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

    /// <summary>The canonical text, parameters as resolved: "alie(z=1)".</summary>
    public abstract string Name { get; }

    /// <summary>Whether the attackers must know the honest ranks' gradients: the step then gathers them, and times that apart.</summary>
    public virtual bool NeedsHonestGradients => false;

    /// <summary>Whether Byzantine ranks do anything at all.</summary>
    public virtual bool IsNone => false;

    /// <summary>Reads "alie(z=1.5)"; a FormatException says what exists.</summary>
    public static Attack Parse(string text)
    {
        (Func<Call, Attack> make, Call call) = Known.Find(text);
        return make(call);
    }

    /// <summary>Turns the honest payload, in place, into the one that this rank claims to have computed.</summary>
    /// <param name="payload">In: what an honest rank would send. Out: what this one sends.</param>
    /// <param name="random">This rank's and step's own.</param>
    public virtual void Replace(Span<float> payload, SeededRandom random)
    {
    }

    /// <summary>For an attack that <see cref="NeedsHonestGradients"/>: the payload that all attackers send.</summary>
    public virtual void Collude(HonestPayloads honest, Span<float> payload)
        => throw new NotSupportedException($"{Name} asks for no honest gradients.");
}
