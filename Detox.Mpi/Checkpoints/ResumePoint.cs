using System.Text;
using Detox.Mpi.Messaging;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Checkpoints;

/// <summary>Where a run goes on: at the newest checkpoint that is whole and fits the logs, or at its begin where it has none yet.</summary>
/// <param name="Folder">The run's.</param>
/// <param name="Checkpoint">Null: at the first step.</param>
/// <param name="Config">The run's options, as config.toml has them; null where it had not got so far.</param>
internal sealed record ResumePoint(string Folder, Checkpoint? Checkpoint, string? Config)
{
    public RunState? State => Checkpoint?.State;

    public long Step => State?.Step ?? 0;

    /// <summary>Finds the point; a checkpoint that cannot be used is named to <paramref name="say"/>.</summary>
    /// <exception cref="DetoxException">There is no such run, none of its checkpoints is whole, or it has failed too often behind the same one.</exception>
    public static ResumePoint Find(string folder, Action<string> say)
    {
        if (!Directory.Exists(folder)) throw new DetoxException(ExitCode.Usage, $"--resume {folder}: there is no such run's folder.");
        string config = Path.Combine(folder, RunFolder.Config);
        CheckpointStore store = new(folder);
        List<string> problems = [];
        foreach (long step in store.Steps())
        {
            try
            {
                Checkpoint checkpoint = Checkpoint.Open(store.PathOf(step));
                RunState state = checkpoint.State;
                RunFolder.Expect(folder, state);
                RefuseTooManyTries(store, step);
                return new ResumePoint(folder, checkpoint, state.Config);
            }
            catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                problems.Add($"checkpoint {store.PathOf(step)} cannot be used: {error.Message}");
                say($"{problems[^1]}; looking for the one before.");
            }
        }

        if (problems.Count > 0)
        {
            throw new DetoxException(
                ExitCode.NoCheckpoint,
                $"--resume {folder}: no checkpoint is whole.\n       {string.Join("\n       ", problems)}\n       Mend or remove the folder {store.Path}; without it the run begins anew.");
        }

        RefuseTooManyTries(store, 0);
        return new ResumePoint(folder, null, File.Exists(config) ? File.ReadAllText(config) : null);
    }

    /// <summary>Collective: rank 0's options for all; null where there are none.</summary>
    public static string? ShareConfig(Communicator world, ResumePoint? point)
    {
        byte[] text = Encoding.UTF8.GetBytes(point?.Config ?? "");
        int[] length = [text.Length];
        world.Broadcast<int>(length, 0);
        if (length[0] == 0) return null;
        if (world.Rank != 0) text = new byte[length[0]];
        world.Broadcast<byte>(text, 0);
        return Encoding.UTF8.GetString(text);
    }

    /// <summary>The run goes on from here: checkpoints that cannot be used are put aside, and the try is counted.</summary>
    public void Begin()
    {
        CheckpointStore store = new(Folder);
        store.Tidy();
        foreach (long step in store.Steps())
            if (step > Step) store.PutAside(step);
        store.NoteTry(Step);
    }

    private static void RefuseTooManyTries(CheckpointStore store, long step)
    {
        int tries = store.Tries(step);
        if (tries < CheckpointStore.MostTries) return;
        throw new DetoxException(
            ExitCode.NoCheckpoint,
            $"the run has gone on from step {step} {tries} times, and never came to the next checkpoint: look at why it ends. To try again, remove {Path.Combine(store.Path, $".tried-{CheckpointStore.NameOf(step)}-*")}; to go on from an older checkpoint, remove {store.PathOf(step)}.");
    }
}
