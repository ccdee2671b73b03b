using Detox.Gpu;
using Detox.Gpu.Digests;

namespace Detox.Mpi.Attacks;

/// <summary>What a Byzantine rank sends in place of its gradient. Only an experiment has attacks.</summary>
/// <remarks>A rank's payload is its gradient, the batch statistics and the loss; an attack replaces all of it.
/// Everything random is seeded by run, step and rank, so a run can be replayed to the bit.</remarks>
public abstract class Attack
{
    /// <summary>The names that <see cref="Parse"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["none", "reverse", "constant", "alie", "bit-flip", "nan", "silent", "equivocate"];

    public abstract string Name { get; }

    /// <summary>Whether the attackers must know the honest ranks' gradients: the step then gathers them, and times that apart.</summary>
    public virtual bool NeedsHonestGradients => false;

    /// <summary>Whether Byzantine ranks do anything at all.</summary>
    public virtual bool IsNone => false;

    /// <summary>Reads "alie(z=1.5)"; a FormatException says what exists.</summary>
    public static Attack Parse(string text)
    {
        Call call = Call.Parse(text);
        Attack attack = call.Name switch
        {
            "none" => new NoAttack(),
            "reverse" => new ReverseAttack(call.Number("scale", 100)),
            "constant" => new ConstantAttack(call.Number("value", -100)),
            "alie" => new AlieAttack(call.Number("z", 1)),
            "bit-flip" => new BitFlipAttack(),
            "nan" => new NanAttack(),
            "silent" => new SilentAttack(),
            "equivocate" => new EquivocateAttack(),
            _ => throw new FormatException($"there is no attack '{call.Name}'; there are {string.Join(", ", Names)}."),
        };
        call.RefuseUnused();
        return attack;
    }

    /// <summary>Turns the honest payload, in place, into the one that this rank claims to have computed.</summary>
    /// <param name="payload">In: what an honest rank would send. Out: what this one sends.</param>
    /// <param name="random">This rank's and step's own.</param>
    public virtual void Replace(Span<float> payload, SeededRandom random)
    {
    }

    /// <summary>For an attack that <see cref="NeedsHonestGradients"/>: the payload that all attackers send.</summary>
    /// <param name="honest">n distinct honest payloads, one after another.</param>
    public virtual void Collude(ReadOnlySpan<float> honest, int n, Span<float> payload)
        => throw new NotSupportedException($"{Name} asks for no honest gradients.");

    /// <summary>The ballot that rank 0 is told; the group is told the true one.</summary>
    public virtual Ballot BallotForServer(Ballot ballot, SeededRandom random) => ballot;

    /// <summary>What is sent when the vector is asked for.</summary>
    public virtual Memory<float> Vector(Memory<float> payload) => payload;
}
