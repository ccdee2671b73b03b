using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;

namespace Detox.Mpi.Training;

/// <summary>What goes wrong in a run on purpose: who is Byzantine in which step, and what those ranks do. Each rank has its own.</summary>
internal sealed record Experiment(Attack Attack, Placement Placement)
{
    /// <summary>The one that the options name. Some attackers place themselves.</summary>
    public static Experiment Of(TrainOptions options, GroupTable groups)
    {
        Attack attack = Attack.Parse(options.Attack);
        return new Experiment(attack, Placement.Create(attack.OwnPlacement ?? options.Placement, groups, options.Byzantine!.Value, options.Seed));
    }
}
