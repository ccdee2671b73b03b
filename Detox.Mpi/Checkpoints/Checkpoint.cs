using System.Globalization;
using Detox.Mpi.Data;

namespace Detox.Mpi.Checkpoints;

/// <summary>A saved state of a run: a folder of two files of tensors, run.json and a manifest of them.</summary>
internal sealed class Checkpoint
{
    public const string WeightsFile = "weights.safetensors", OptimizerFile = "optimizer.safetensors", StateFile = "run.json";

    private readonly string _path;

    private Checkpoint(string path, RunState state)
    {
        _path = path;
        State = state;
    }

    public static IReadOnlyList<string> Files { get; } = [WeightsFile, OptimizerFile, StateFile];

    public RunState State { get; }

    /// <summary>Opens a checkpoint of which every byte is as it was written.</summary>
    /// <exception cref="InvalidDataException">It is not: the message names the file.</exception>
    public static Checkpoint Open(string path)
    {
        if (Manifest.Problem(path) is { } problem) throw new InvalidDataException(problem);
        string state = Path.Combine(path, StateFile);
        try
        {
            return new Checkpoint(path, RunState.Parse(File.ReadAllBytes(state)));
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{state}: {error.Message}", error);
        }
    }

    /// <summary>Name and digest, as run.json has them.</summary>
    public static string Describe(DataSplit data) => string.Create(CultureInfo.InvariantCulture, $"{data.Training.Name} {data.Digest():x16}");

    /// <exception cref="DetoxException">The run that has this state was trained on other data.</exception>
    public static void Expect(RunState state, DataSplit data)
    {
        if (Describe(data) != state.Data) throw new DetoxException(ExitCode.Usage, $"--data: the run was trained on '{state.Data}', and this is '{Describe(data)}'.");
    }

    /// <summary>Brings the tensors to where the run has them.</summary>
    /// <param name="model">Receives parameters and running statistics.</param>
    /// <exception cref="DetoxException">They are those of another model, or of other data.</exception>
    public void Restore(TrainedState trained, Span<float> model, DataSplit data)
    {
        Expect(State, data);
        try
        {
            trained.Read(_path);
        }
        catch (InvalidDataException error)
        {
            throw new DetoxException(ExitCode.NoCheckpoint, error.Message, error);
        }

        trained.GiveBack(model);
    }
}
