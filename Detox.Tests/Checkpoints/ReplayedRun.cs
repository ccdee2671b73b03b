using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Data;
using Detox.Mpi.Training;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;

namespace Detox.Tests.Checkpoints;

/// <summary>What a replay has compared, and found.</summary>
internal sealed record ReplayOutcome(IReadOnlyList<string> Differences, int Roots, int Weights, long ReachedStep);

/// <summary>Replays a step of a run.</summary>
internal static class ReplayedRun
{
    public static ReplayOutcome Run(string folder, int step, int? group = null, Device? device = null)
    {
        ReplayRange range = ReplayRange.Find(folder, step, _ => { });
        TrainOptions options = range.Options();
        using CpuDevice own = new(2);
        using Replay replay = new(range, options, DataSource.Open(options.Data, options.Seed), device ?? own);
        replay.Run(group);
        return new ReplayOutcome(replay.Differences, replay.Roots, replay.Weights, replay.ReachedStep);
    }

    public static MpiOutcome Program(string folder, string line) => DetoxProgram.Run(null, 1, $"replay {folder} {line}");
}
