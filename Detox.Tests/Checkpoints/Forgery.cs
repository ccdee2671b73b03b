using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Reports;

namespace Detox.Tests.Checkpoints;

/// <summary>Changes of a run's folder that its digests do not show.</summary>
internal static class Forgery
{
    /// <summary>Changes a line of steps.jsonl, and the chain with it.</summary>
    public static void ChangeStep(string folder, int step, Action<JsonObject> change)
    {
        string path = Path.Combine(folder, RunFolder.Steps);
        StepChain chain = StepChain.Begin(File.ReadAllBytes(Path.Combine(folder, RunFolder.Config)));
        ArrayBufferWriter<byte> lines = new();
        int number = 0;
        foreach (string line in File.ReadAllLines(path))
        {
            JsonObject own = JsonNode.Parse(line)!.AsObject();
            own.Remove("chain");
            if (number++ == step) change(own);
            chain.Append(Encoding.UTF8.GetBytes(own.ToJsonString()), lines);
            lines.Write("\n"u8);
        }

        File.WriteAllBytes(path, lines.WrittenSpan.ToArray());
    }

    /// <summary>Changes the state of a checkpoint, and the manifest with it.</summary>
    public static void ChangeState(string checkpoint, Func<RunState, RunState> change)
    {
        string path = Path.Combine(checkpoint, Checkpoint.StateFile);
        File.WriteAllBytes(path, change(RunState.Parse(File.ReadAllBytes(path))).ToJson());
        File.WriteAllBytes(Path.Combine(checkpoint, Manifest.FileName), Manifest.Of(checkpoint, Checkpoint.Files));
    }
}
