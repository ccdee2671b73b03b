namespace Detox.Mpi.Attacks;

/// <summary>An attack along a line that goes as far as hurts the rule most: to where the rule's result lies farthest from the honest mean.</summary>
/// <remarks>The search looks at the gradients, which are all that the rule sees; its factor is the whole payload's.</remarks>
public abstract class OptimisedAttack : LineAttack
{
    public sealed override bool NeedsRule => true;

    protected sealed override double Factor(HonestPayloads honest, in AttackContext context)
    {
        using RuleProbe probe = new(honest, context);
        return LineSearch.Maximise(factor =>
        {
            Point(factor, probe.Forged);
            return probe.Damage();
        });
    }
}
