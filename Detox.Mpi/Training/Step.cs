using System.Diagnostics;
using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>One step, as every rank runs it. Rank 0 is a worker like the others, and has the server besides.</summary>
/// <remarks>The numbers are those of the step in docs/design.md. Source: Rajput et al. 2019, "DETOX: A
/// Redundancy-based Framework for Faster and More Robust Gradient Aggregation", algorithm 1.</remarks>
/// <param name="attacker">What this rank knows where it attacks, whatever the step.</param>
/// <param name="isLast">Whether no step follows a step; asked on rank 0 when that is nearly over.</param>
internal sealed class Step(
    Communicator world,
    GroupTable groups,
    Worker worker,
    Server? server,
    Experiment experiment,
    AttackContext attacker,
    Colluders colluders,
    StepRecord record,
    Func<long, bool> isLast)
{
    private readonly bool[] _isByzantine = new bool[world.Size];

    /// <summary>Runs a step on this rank, and on rank 0 sees it through; false where no step follows.</summary>
    public bool Run(long step)
    {
        record.Clear(step);
        server?.Begin(step);
        PhaseClock clock = new(record);
        experiment.Placement.Byzantine(step, _isByzantine);
        AttackContext context = attacker with { Step = step, HasMajority = groups.HasMajority(groups.GroupOf(world.Rank), _isByzantine) };

        // 1 to 3: the same weights and the same samples give a group's ranks the same gradient.
        if (worker.CurrentStep == step && worker.ComputeGradient(_isByzantine[world.Rank] && !experiment.Attack.IsNone ? context : null))
        {
            // 4: a Byzantine rank lets its attack replace what it will send; knowing the honest gradients costs extra.
            if (experiment.Attack.NeedsHonestGradients) worker.EditPayload(message => colluders.Conspire(context, _isByzantine, message));

            // 5: the ballot, hinted at to the group and told to rank 0; who completes a majority sends its vector.
            worker.Vote();
            record.Diverged = !float.IsFinite(worker.HonestLoss);
            clock.Lap(Phase.Compute);
        }

        if (server is null) return true;

        // 6, 7 and 9: rank 0 decides from its own ballots and believes only vectors that match them.
        clock.LapCollected(server.Collect(step));

        // 8: the winners become one gradient, the gradient becomes weights, and every rank may compute with them.
        server.Aggregate();
        clock.Lap(Phase.Aggregate);

        bool stepFollows = !record.Diverged && !isLast(step);

        // Before the next step's weights go out: with them ranks are told how long to wait for whoever carries them, a share of what rank 0 waits.
        server.Took(record.MethodSeconds);
        if (stepFollows) server.Publish(step + 1);
        clock.Lap(Phase.Broadcast);
        return stepFollows;
    }

    /// <summary>Adds the time since the last lap to a phase.</summary>
    private struct PhaseClock(StepRecord record)
    {
        private long _last = Stopwatch.GetTimestamp();

        public void Lap(Phase phase)
        {
            long now = Stopwatch.GetTimestamp();
            record.Seconds[(int)phase] += Stopwatch.GetElapsedTime(_last, now).TotalSeconds;
            _last = now;
        }

        /// <summary>Collecting ends when the slowest rank has voted and the last vector is here: most of that is computing, as the ranks tell,
        /// and some may be the attackers' affair.</summary>
        public void LapCollected((double Computing, double Attack) told)
        {
            Lap(Phase.Vote);
            Move(Phase.Vote, Phase.Attack, told.Attack);
            Move(Phase.Vote, Phase.Compute, told.Computing - record.Seconds[(int)Phase.Compute]);
        }

        private readonly void Move(Phase from, Phase to, double seconds)
        {
            double moved = Math.Clamp(seconds, 0, record.Seconds[(int)from]);
            record.Seconds[(int)from] -= moved;
            record.Seconds[(int)to] += moved;
        }
    }
}
