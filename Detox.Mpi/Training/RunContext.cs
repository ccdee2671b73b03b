using System.Diagnostics;
using Detox.Gpu.Devices;
using Detox.Mpi.Checkpoints;

namespace Detox.Mpi.Training;

/// <summary>What a run has besides its options. By default it is a new one that nobody stops.</summary>
/// <param name="Experiment">Null: the one that the options name.</param>
/// <param name="Device">The caller's. Null: the one that the options name.</param>
/// <param name="Resume">Where it goes on, on rank 0.</param>
/// <param name="Stop">The signals that let it stop.</param>
/// <param name="Monitor">Null: the run has the process to itself, and speaks on the console.</param>
internal readonly record struct RunContext(Experiment? Experiment = null, Device? Device = null, ResumePoint? Resume = null, StopSignals? Stop = null, RunMonitor? Monitor = null)
{
    /// <summary>Since the run was asked for: by the start of its process, where it has that to itself.</summary>
    public double Seconds
    {
        get
        {
            if (Monitor is not null) return Monitor.Seconds;
            using Process process = Process.GetCurrentProcess();
            return (DateTime.Now - process.StartTime).TotalSeconds;
        }
    }
}
