using Detox.Tests.Messaging;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Programs;

/// <summary>Runs the program as a user does: alone, or under a launcher of either MPI family, with a time limit.</summary>
/// <remarks>DETOX_PUBLISHED names a folder with the program as it is shipped; else the one beside the tests is run.</remarks>
internal static class DetoxProgram
{
    private const int LimitSeconds = 240;
    private const string Nodes = "DETOX_NODES";
    private static readonly string _folder = Environment.GetEnvironmentVariable("DETOX_PUBLISHED") ?? AppContext.BaseDirectory;

    /// <summary>Trains to the end and reads the run's files; anything but success fails the test.</summary>
    /// <param name="launcher">One of <see cref="MpiRunner"/>'s, or null for one process.</param>
    public static RunFiles Train(string? launcher, int ranks, string options, params (string Name, string Value)[] environment)
    {
        string folder = NewFolder();
        string ranksHere = launcher is null ? $"--ranks {ranks}" : "";
        MpiOutcome outcome = Run(launcher, ranks, $"{options} {ranksHere} --out {folder} --name run", environment);
        Assert.That(outcome.ExitCode, Is.Zero, $"{outcome.Output}\n{outcome.Errors}");
        return new RunFiles(System.IO.Path.Combine(folder, "run"));
    }

    /// <summary>The environment in which the ranks of one machine take themselves for those of some nodes.</summary>
    public static (string Name, string Value)[] OnNodes(int nodes) => nodes == 1 ? [] : [(Nodes, $"{nodes}")];

    public static string Path => System.IO.Path.Combine(_folder, "Detox.Mpi.dll");

    /// <summary>Starts to train; the caller waits.</summary>
    /// <param name="launcher">One of <see cref="MpiRunner"/>'s, or null for one process.</param>
    /// <param name="launcherOptions">The launcher's own.</param>
    /// <param name="folder">The run's; null: a new one.</param>
    public static RunningTraining Start(string? launcher, int ranks, string options, int nodes = 1, string launcherOptions = "", string? folder = null)
    {
        if (launcher is not null) MpiRunner.Require(launcher);
        folder ??= System.IO.Path.Combine(NewFolder(), "run");
        string[] arguments = $"{options} --out {System.IO.Path.GetDirectoryName(folder)} --name {System.IO.Path.GetFileName(folder)}".Split(' ', StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<string> command = launcher is null ? ["dotnet", "exec", Path, .. arguments, "--ranks", $"{ranks}"] : MpiRunner.Command(launcher, ranks, Path, arguments, launcherOptions);
        return new RunningTraining(new MpiJob(command, OnNodes(nodes).ToDictionary(variable => variable.Name, variable => variable.Value)), folder);
    }

    /// <summary>Starts to train on hosts, three ranks each.</summary>
    public static RunningTraining StartOn(NetworkHosts hosts, string options)
    {
        string folder = NewFolder();
        return new RunningTraining(new MpiJob(hosts.Command(Path, $"{options} --out {folder} --name run"), null), System.IO.Path.Combine(folder, "run"));
    }

    private static string NewFolder() => System.IO.Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));

    public static MpiOutcome Run(string? launcher, int ranks, string options, params (string Name, string Value)[] environment)
    {
        string[] arguments = options.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Dictionary<string, string> variables = environment.ToDictionary(variable => variable.Name, variable => variable.Value);
        if (launcher is null) return MpiRunner.RunCommand(["dotnet", "exec", Path, .. arguments], variables, LimitSeconds);
        MpiRunner.Require(launcher);
        return MpiRunner.Run(launcher, ranks, Path, arguments, variables, LimitSeconds);
    }
}
