using System.Diagnostics;
using Detox.Tests.Training;

namespace Detox.Tests.Programs;

internal sealed record ProgramResult(int ExitCode, string Output, string Error);

/// <summary>Runs the program as a user does: alone, or under a launcher of either MPI family, with a time limit.</summary>
/// <remarks>DETOX_PUBLISHED names a folder with the program as it is shipped; else the one beside the tests is run.</remarks>
internal static class DetoxProgram
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(4);
    private static readonly string _folder = Environment.GetEnvironmentVariable("DETOX_PUBLISHED") ?? AppContext.BaseDirectory;

    /// <summary>Trains to the end and reads the run's files; anything but success fails the test.</summary>
    /// <param name="launcher">"openmpi", "mpich", or null for one process.</param>
    public static RunFiles Train(string? launcher, int ranks, string options, params (string Name, string Value)[] environment)
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        string ranksHere = launcher is null ? $"--ranks {ranks}" : "";
        ProgramResult result = Run(launcher, ranks, $"{options} {ranksHere} --out {folder} --name run", environment);
        Assert.That(result.ExitCode, Is.Zero, $"{result.Output}\n{result.Error}");
        return new RunFiles(Path.Combine(folder, "run"));
    }

    public static ProgramResult Run(string? launcher, int ranks, string options, params (string Name, string Value)[] environment)
    {
        string dotnet = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        List<string> command = launcher is null ? [] : [Launchers.Find(launcher), .. Launchers.Arguments(launcher, ranks)];
        command.AddRange([dotnet, Path.Combine(_folder, "Detox.Mpi.dll"), .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        return Launchers.Run(command, environment, _limit);
    }
}
