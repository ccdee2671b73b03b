using Detox.Mpi.Checkpoints;
using Detox.Mpi.Sweeps;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Sweeps;

/// <summary>The command sweep as a person types it, with a file and a folder of its own.</summary>
internal sealed class SweepProgram
{
    private const int LimitSeconds = 240;

    private readonly string _file;

    public SweepProgram(string toml)
    {
        string root = System.IO.Path.Combine(TestContext.CurrentContext.WorkDirectory, "sweeps", Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(root);
        _file = System.IO.Path.Combine(root, "sweep.toml");
        Folder = System.IO.Path.Combine(root, "out");
        File.WriteAllText(_file, toml);
    }

    /// <summary>The sweep's.</summary>
    public string Folder { get; }

    public string Table => File.ReadAllText(System.IO.Path.Combine(Folder, SweepFolder.Table));

    /// <summary>Of all cells that have begun.</summary>
    public IReadOnlyList<string> Cells => Directory.Exists(Folder) ? [.. Directory.EnumerateDirectories(Folder).Order(StringComparer.Ordinal)] : [];

    public IReadOnlyList<string> Finished => [.. Cells.Where(cell => CellResult.Read(cell) is not null)];

    /// <summary>Starts it; the caller waits.</summary>
    /// <param name="launcher">One of <see cref="MpiRunner"/>'s, or null for one process.</param>
    public MpiJob Start(string options = "", string? launcher = null, int ranks = 1, params (string Name, string Value)[] environment)
    {
        if (launcher is not null) MpiRunner.Require(launcher);
        string[] arguments = ["sweep", _file, "--out", Folder, .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        IEnumerable<string> command = launcher is null ? ["dotnet", "exec", DetoxProgram.Path, .. arguments] : MpiRunner.Command(launcher, ranks, DetoxProgram.Path, arguments);
        return new MpiJob(command, environment.ToDictionary(variable => variable.Name, variable => variable.Value));
    }

    public MpiOutcome Run(string options = "", string? launcher = null, int ranks = 1, params (string Name, string Value)[] environment)
    {
        using MpiJob job = Start(options, launcher, ranks, environment);
        return job.Wait(LimitSeconds);
    }

    public MpiOutcome RunToTheEnd(string options = "", string? launcher = null, int ranks = 1)
    {
        MpiOutcome outcome = Run(options, launcher, ranks);
        Assert.That(outcome.ExitCode, Is.Zero, $"{outcome.Output}\n{outcome.Errors}");
        return outcome;
    }

    /// <summary>When each finished cell got its result: a cell that is computed again gets another.</summary>
    public Dictionary<string, DateTime> Results() => Finished.ToDictionary(cell => cell, cell => File.GetLastWriteTimeUtc(System.IO.Path.Combine(cell, "result.json")));

    /// <summary>Every cell has ended, and each byte of it is as it was written.</summary>
    public void AssertCellsAreWhole()
    {
        foreach (string cell in Cells)
        {
            RunVerifier verifier = new(cell);
            verifier.Run();
            Assert.That(verifier.Problems, Is.Empty);
            Assert.That(verifier.HasEnded, Is.True, cell);
        }
    }
}
