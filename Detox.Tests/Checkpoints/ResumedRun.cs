using Detox.Mpi;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Commands;
using Detox.Mpi.Training;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>Runs that go on in the test's own process.</summary>
internal static class ResumedRun
{
    /// <summary>Runs the first steps, then goes on to the last.</summary>
    public static RunFiles InTwo(TrainOptions options, int first)
        => GoOn(TrainInProcess.Run(options with { Steps = first }).Folder, options);

    public static RunFiles GoOn(string folder, TrainOptions options, ExitCode expected = ExitCode.Done)
    {
        Assert.That(End(folder, options), Is.EqualTo(expected));
        return new RunFiles(folder);
    }

    /// <summary>Goes on; the exit code.</summary>
    public static ExitCode End(string folder, TrainOptions options)
    {
        ResumePoint point = ResumePoint.Find(folder, _ => { });
        TrainOptions resolved = (options with { Out = Path.GetDirectoryName(folder)!, Name = Path.GetFileName(folder) }).Resolve(launchedRanks: null, cores: 2);
        Assert.That(resolved.Validate(), Is.Empty);
        return TrainCommand.ExecuteInProcess(resolved, new RunContext(Resume: point));
    }
}
