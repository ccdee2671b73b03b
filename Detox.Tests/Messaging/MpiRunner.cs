using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>Starts a program under an mpiexec and waits for it, but not for ever.</summary>
internal static partial class MpiRunner
{
    public const string OpenMpi = "mpiexec.openmpi";
    public const string Mpich = "mpiexec.mpich";

    private const int Kill = 9;

    /// <summary>Ignores the test where this machine lacks the launcher; in CI that is a failure.</summary>
    public static void Require(string launcher)
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        if (folders.Any(folder => File.Exists(Path.Combine(folder, launcher)))) return;
        string reason = $"{launcher} is not on PATH; apt install {(launcher == OpenMpi ? "openmpi-bin" : "mpich")}";
        if (Environment.GetEnvironmentVariable("CI") is { Length: > 0 }) Assert.Fail(reason);
        Assert.Ignore(reason);
    }

    /// <summary>Runs `dotnet exec PROGRAM arguments` on some ranks. At the limit all its processes are killed and the test fails.</summary>
    public static MpiOutcome Run(string launcher, int ranks, string program, IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? variables = null, int limitSeconds = 60)
    {
        // setsid, so that the limit reaches the ranks as well: they are the launcher's group, or its daemons'.
        List<string> command = [launcher, "-n", ranks.ToString(CultureInfo.InvariantCulture)];
        if (launcher == OpenMpi) command.Add("--oversubscribe");
        command.AddRange(["dotnet", "exec", program]);
        command.AddRange(arguments);
        return RunCommand(command, variables, limitSeconds);
    }

    public static MpiOutcome RunCommand(IEnumerable<string> command, IReadOnlyDictionary<string, string>? variables, int limitSeconds)
    {
        ProcessStartInfo start = new("setsid", ["--wait", .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1";
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
        start.Environment["TERM"] = "dumb";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment.Remove("DETOX_MPI");
        foreach ((string name, string value) in variables ?? new Dictionary<string, string>()) start.Environment[name] = value;

        Stopwatch clock = Stopwatch.StartNew();
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(TimeSpan.FromSeconds(limitSeconds));
        if (!ended)
        {
            KillSession(process.Id);
            process.WaitForExit(TimeSpan.FromSeconds(5));
        }
        Task.WaitAll([output, errors], TimeSpan.FromSeconds(5));
        string said = output.IsCompleted ? output.Result : "";
        string complained = errors.IsCompleted ? errors.Result : "";
        if (!ended) Assert.Fail($"not over after {limitSeconds} s: {string.Join(' ', command)}\n{said}\n{complained}");
        return new MpiOutcome(process.ExitCode, said, complained, clock.Elapsed);
    }

    /// <summary>Kills a process with all its descendants, each in the group that its launcher gave it.</summary>
    private static void KillSession(int root)
    {
        List<int> family = [root];
        for (int i = 0; i < family.Count; i++)
        {
            foreach (string folder in Directory.EnumerateDirectories("/proc"))
            {
                if (!int.TryParse(Path.GetFileName(folder), out int id) || family.Contains(id)) continue;
                if (ParentOf(folder) == family[i]) family.Add(id);
            }
        }
        foreach (int id in family) _ = Signal(id, Kill);
    }

    private static int ParentOf(string folder)
    {
        try
        {
            string stat = File.ReadAllText(Path.Combine(folder, "stat"));
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return -1;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}

internal sealed record MpiOutcome(int ExitCode, string Output, string Errors, TimeSpan Time);
