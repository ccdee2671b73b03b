using Detox.Tests.Messaging;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Programs;

/// <summary>Runs the program as a user does: alone, or under a launcher of either MPI family, with a time limit.</summary>
/// <remarks>DETOX_PUBLISHED names a folder with the program as it is shipped; else the one beside the tests is run.</remarks>
internal static class DetoxProgram
{
    private const int LimitSeconds = 240;
    private static readonly string _folder = Environment.GetEnvironmentVariable("DETOX_PUBLISHED") ?? AppContext.BaseDirectory;

    /// <summary>Trains to the end and reads the run's files; anything but success fails the test.</summary>
    /// <param name="launcher">One of <see cref="MpiRunner"/>'s, or null for one process.</param>
    public static RunFiles Train(string? launcher, int ranks, string options, params (string Name, string Value)[] environment)
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        string ranksHere = launcher is null ? $"--ranks {ranks}" : "";
        MpiOutcome outcome = Run(launcher, ranks, $"{options} {ranksHere} --out {folder} --name run", environment);
        Assert.That(outcome.ExitCode, Is.Zero, $"{outcome.Output}\n{outcome.Errors}");
        return new RunFiles(Path.Combine(folder, "run"));
    }

    public static MpiOutcome Run(string? launcher, int ranks, string options, params (string Name, string Value)[] environment)
    {
        string program = Path.Combine(_folder, "Detox.Mpi.dll");
        string[] arguments = options.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Dictionary<string, string> variables = environment.ToDictionary(variable => variable.Name, variable => variable.Value);
        if (launcher is null) return MpiRunner.RunCommand(["dotnet", "exec", program, .. arguments], variables, LimitSeconds);
        MpiRunner.Require(launcher);
        return MpiRunner.Run(launcher, ranks, program, arguments, variables, LimitSeconds);
    }
}
