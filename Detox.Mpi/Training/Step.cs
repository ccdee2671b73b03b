using System.Diagnostics;
using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>One step, as every rank runs it. Rank 0 is a worker like the others, and the server besides.</summary>
/// <remarks>The numbers are those of the step in docs/design.md. Source: Rajput et al. 2019, "DETOX: A
/// Redundancy-based Framework for Faster and More Robust Gradient Aggregation", algorithm 1.</remarks>
internal sealed class Step(
    Communicator world,
    Worker worker,
    Server? server,
    Placement placement,
    Attack attack,
    Colluders colluders,
    StepRecord record)
{
    private readonly bool[] _isByzantine = new bool[world.Size];
    private readonly Declaration[] _declarations = new Declaration[server is null ? 0 : world.Size];

    /// <summary>Runs step number <paramref name="step"/>; false where the training has diverged, so that no step follows.</summary>
    public bool Run(long step)
    {
        record.Clear(step);
        PhaseClock clock = new(record);
        if (!attack.IsNone) placement.Byzantine(step, _isByzantine);

        // 1 to 3: the same weights and the same samples give a group's ranks the same gradient.
        worker.ComputeGradient(step, _isByzantine[world.Rank]);
        record.Diverged = !float.IsFinite(worker.HonestLoss);

        // 4: a Byzantine rank lets its attack replace what it will send; knowing the honest gradients costs extra.
        if (attack.NeedsHonestGradients)
        {
            world.Barrier();
            clock.Lap(Phase.Compute);
            worker.EditPayload(payload => colluders.Conspire(_isByzantine, payload));
            world.Barrier();
            clock.Lap(Phase.Attack);
        }

        // 5: ballots, to the group and to rank 0.
        Declaration declaration = worker.Vote();
        world.Gather(new ReadOnlySpan<Declaration>(in declaration), _declarations, 0);
        if (server is not null) clock.LapBallots(_declarations);

        // 6 and 7: winners send; rank 0 decides from its own ballots and believes only vectors that match them.
        Request? sending = worker.SendIfWinner();
        bool stepFollows = !record.Diverged;
        if (server is null)
        {
            stepFollows = worker.ServeUntilProceed();
        }
        else
        {
            server.Decide(_declarations);
            server.CollectWinners();
            clock.Lap(Phase.Transfer);
            server.NameDissenters();
            server.LetAllProceed(stepFollows);
            clock.Lap(Phase.BallotAndVote);

            // 8: the winners become one gradient, the gradient becomes weights.
            server.Aggregate();
            worker.Weights.Seal();
            clock.Lap(Phase.Aggregate);
        }

        sending?.Wait();
        world.Broadcast(worker.Weights.Message, 0);
        worker.CheckWeights();
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

        /// <summary>The gather ends when the slowest rank has voted: most of that is its computing, which it has told.</summary>
        public void LapBallots(ReadOnlySpan<Declaration> declarations)
        {
            double computing = 0;
            foreach (ref readonly Declaration declaration in declarations)
                if (declaration.ComputeSeconds > computing) computing = declaration.ComputeSeconds;

            Lap(Phase.BallotAndVote);
            double voting = record.Seconds[(int)Phase.BallotAndVote], computed = record.Seconds[(int)Phase.Compute];
            double stillComputing = Math.Clamp(computing - computed, 0, voting);
            record.Seconds[(int)Phase.Compute] += stillComputing;
            record.Seconds[(int)Phase.BallotAndVote] -= stillComputing;
        }
    }
}
