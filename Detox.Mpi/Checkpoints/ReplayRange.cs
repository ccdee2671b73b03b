using Detox.Gpu.Digests;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Checkpoints;

/// <summary>The steps of a run that lead to one that is to be replayed, and what the run's folder says of them.</summary>
/// <param name="Start">The checkpoint that they begin with; null: the initialisation.</param>
/// <param name="State">Says what they were computed with; null where no checkpoint does.</param>
/// <param name="Steps">As logged, up to the one that is to be replayed.</param>
/// <param name="Next">The step behind them; null where the log has none.</param>
internal sealed record ReplayRange(string Folder, Checkpoint? Start, RunState? State, IReadOnlyList<StepRecord> Steps, StepRecord? Next)
{
    public long First => Start?.State.Step ?? 0;

    public StepRecord Last => Steps[^1];

    /// <summary>The options that they were computed with.</summary>
    /// <exception cref="DetoxException">They cannot be read.</exception>
    public TrainOptions Options()
    {
        string path = Path.Combine(Folder, RunFolder.Config);
        return State is null ? ConfigFile.Apply(new TrainOptions(), path) : ConfigFile.Parse(State.Config, path);
    }

    /// <summary>Where they begin, as a person reads it.</summary>
    public string Origin => Start is null ? "the initialisation" : $"checkpoint {CheckpointStore.NameOf(First)}";

    /// <summary>Finds the newest whole checkpoint at or before a step; one that is damaged is named to <paramref name="say"/>.</summary>
    /// <exception cref="DetoxException">There is no such run or step, or its log is not as it was written.</exception>
    public static ReplayRange Find(string folder, long step, Action<string> say)
    {
        if (!Directory.Exists(folder)) throw new DetoxException(ExitCode.Usage, $"{folder}: there is no such folder.");
        if (step < 0) throw new DetoxException(ExitCode.Usage, $"--step {step}: at least 0.");
        CheckpointStore store = new(folder);
        Checkpoint? start = null, behind = null;
        foreach (long saved in store.Steps())
        {
            if (Open(store, saved, say) is not { } checkpoint) continue;
            if (saved > step)
            {
                behind = checkpoint;
                continue;
            }

            start = checkpoint;
            break;
        }

        List<StepRecord> steps = [];
        StepRecord? next = null;
        long count = 0;
        try
        {
            foreach ((StepRecord record, _) in StepLog.Read(folder))
            {
                count = record.Step + 1;
                if (record.Step > step)
                {
                    next = record;
                    break;
                }

                if (record.Step >= (start?.State.Step ?? 0)) steps.Add(record);
            }
        }
        catch (InvalidDataException error)
        {
            throw new DetoxException(ExitCode.Unexpected, $"{error.Message}; 'detox verify {folder}' checks the other files too.", error);
        }

        if (step >= count) throw new DetoxException(ExitCode.Usage, $"--step {step}: {folder} has {(count == 0 ? "no steps" : $"the steps 0 to {count - 1}")}.");

        // A run goes on from a checkpoint with the options of who lets it: the next checkpoint has those, the last one has the ones before.
        return new ReplayRange(folder, start, (behind ?? start)?.State, steps, next);
    }

    /// <summary>The root of the weights before a step behind the first: as logged, else as a checkpoint has it; null where neither is there.</summary>
    public Ballot? WeightsBefore(long step)
    {
        StepRecord? logged = step < First + Steps.Count ? Steps[(int)(step - First)] : Next;
        return logged?.Weights ?? (CheckpointBefore(step) is { } checkpoint ? Ballot.Parse(checkpoint.State.Weights) : null);
    }

    /// <summary>Null where there is no whole one.</summary>
    public Checkpoint? CheckpointBefore(long step)
    {
        CheckpointStore store = new(Folder);
        return store.Has(step) ? Open(store, step, static _ => { }) : null;
    }

    /// <summary>What blame.csv says of a step, each with its line.</summary>
    /// <exception cref="DetoxException">The file cannot be read.</exception>
    public IReadOnlyList<(Blame Blame, string Line)> BlamesOf(long step)
    {
        try
        {
            return [.. BlameLog.Read(Folder).Where(row => row.Blame.Step == step)];
        }
        catch (InvalidDataException error)
        {
            throw new DetoxException(ExitCode.Unexpected, $"{error.Message}.", error);
        }
    }

    private static Checkpoint? Open(CheckpointStore store, long step, Action<string> say)
    {
        try
        {
            return Checkpoint.Open(store.PathOf(step));
        }
        catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            say($"checkpoint {store.PathOf(step)} cannot be used: {error.Message}.");
            return null;
        }
    }
}
