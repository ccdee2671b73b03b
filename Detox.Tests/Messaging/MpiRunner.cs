using System.Globalization;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>Starts a program under an mpiexec and waits for it, but not for ever.</summary>
internal static class MpiRunner
{
    public const string OpenMpi = "mpiexec.openmpi";
    public const string Mpich = "mpiexec.mpich";

    /// <summary>Ignores the test where this machine lacks the launcher; in CI that is a failure.</summary>
    public static void Require(string launcher)
    {
        if (!IsOnPath(launcher)) Lack($"{launcher} is not on PATH; apt install {(launcher == OpenMpi ? "openmpi-bin" : "mpich")}");
    }

    /// <summary>Ignores the test for what this machine lacks; in CI that is a failure.</summary>
    public static void Lack(string reason)
    {
        if (Environment.GetEnvironmentVariable("CI") is { Length: > 0 }) Assert.Fail(reason);
        Assert.Ignore(reason);
    }

    public static bool IsOnPath(string program)
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Any(folder => File.Exists(Path.Combine(folder, program)));

    /// <summary>Runs `dotnet exec PROGRAM arguments` on some ranks. At the limit all its processes are killed and the test fails.</summary>
    public static MpiOutcome Run(string launcher, int ranks, string program, IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? variables = null, int limitSeconds = 60)
        => RunCommand(Command(launcher, ranks, program, arguments), variables, limitSeconds);

    public static MpiOutcome RunCommand(IEnumerable<string> command, IReadOnlyDictionary<string, string>? variables, int limitSeconds)
    {
        using MpiJob job = new(command, variables);
        return job.Wait(limitSeconds);
    }

    /// <param name="options">The launcher's own.</param>
    public static IReadOnlyList<string> Command(string launcher, int ranks, string program, IEnumerable<string> arguments, string options = "")
    {
        List<string> command = [launcher, .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), "-n", ranks.ToString(CultureInfo.InvariantCulture)];
        if (launcher == OpenMpi) command.Add("--oversubscribe");
        return [.. command, "dotnet", "exec", program, .. arguments];
    }
}

internal sealed record MpiOutcome(int ExitCode, string Output, string Errors, TimeSpan Time);
