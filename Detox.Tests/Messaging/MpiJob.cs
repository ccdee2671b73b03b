using System.Diagnostics;
using System.Runtime.InteropServices;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>A command that runs, mostly an mpiexec with its ranks. None of its processes outlives this object.</summary>
internal sealed partial class MpiJob : IDisposable
{
    public const int Kill = 9;
    public const int Continue = 18;
    public const int Stop = 19;

    /// <summary>A variable that all processes of a job inherit.</summary>
    private const string Mark = "DETOX_TEST_JOB";

    private readonly MarkedProcesses _processes;
    private readonly string _command;
    private readonly Process _process;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Task<string> _output;
    private readonly Task<string> _errors;

    public MpiJob(IEnumerable<string> command, IReadOnlyDictionary<string, string>? variables)
    {
        // A session of its own: what a launcher sends to its group reaches nobody else.
        // What starts the tests in the background may have let SIGINT be ignored, which children inherit.
        ProcessStartInfo start = new("setsid", ["--wait", "env", "--default-signal=INT", .. command])
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
        start.Environment.Remove("DETOX_NODES");
        foreach ((string name, string value) in variables ?? new Dictionary<string, string>()) start.Environment[name] = value;
        string mark = start.Environment[Mark] = $"{Guid.NewGuid():N}";
        _processes = new MarkedProcesses(Mark, mark);

        _command = string.Join(' ', start.ArgumentList.Skip(3));
        _process = Process.Start(start)!;
        _process.StandardInput.Close();
        _output = _process.StandardOutput.ReadToEndAsync();
        _errors = _process.StandardError.ReadToEndAsync();
    }

    public bool HasEnded => _process.HasExited;

    /// <summary>What the job has said, once it has ended.</summary>
    public string Said => $"{(_output.IsCompleted ? _output.Result : "")}\n{(_errors.IsCompleted ? _errors.Result : "")}";

    /// <summary>Waits for the end. At the limit, counted from the start, all processes are killed and the test fails.</summary>
    public MpiOutcome Wait(int limitSeconds)
    {
        TimeSpan left = TimeSpan.FromSeconds(limitSeconds) - _clock.Elapsed;
        bool ended = _process.WaitForExit(left < TimeSpan.Zero ? TimeSpan.Zero : left);
        TimeSpan time = _clock.Elapsed;
        if (!ended) _processes.Kill();
        Task.WaitAll([_output, _errors], TimeSpan.FromSeconds(5));
        if (!ended) Assert.Fail($"not over after {limitSeconds} s: {_command}\n{Said}");
        return new MpiOutcome(_process.ExitCode, _output.IsCompleted ? _output.Result : "", _errors.IsCompleted ? _errors.Result : "", time);
    }

    /// <summary>Waits until no process of the job is left, which launchers do not; the test fails where one stays.</summary>
    public void AssertNothingIsLeft() => _processes.AssertNoneIsLeft(_command);

    /// <summary>Sends a signal to the process of the command itself, which setsid has become: it leads no group, and need not fork.</summary>
    public void SignalCommand(int signal) => Signal(_process.Id, signal);

    public static void Signal(int process, int signal) => _ = SendSignal(process, signal);

    public void Dispose()
    {
        _processes.Kill();
        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int process, int signal);
}
