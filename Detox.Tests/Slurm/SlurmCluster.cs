using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Slurm;

/// <summary>SLURM on this machine alone: munged, slurmctld and slurmd with a folder, a key and ports of their own. None of its processes outlives this object.</summary>
/// <remarks>Jobs are submitted in a folder that has the repository's jobs/ and the program as publish/.</remarks>
internal sealed class SlurmCluster : IDisposable
{
    private const int Processors = 48;
    private const int LimitSeconds = 120;
    private const string ConfigVariable = "SLURM_CONF";
    private const string Packages = "slurmctld slurmd slurm-client munge libpmix-dev";
    private static readonly string[] _programs = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "sinfo"];

    private readonly string _folder = Directory.CreateTempSubdirectory("detox-slurm-").FullName;
    private readonly MarkedProcesses _processes;

    public SlurmCluster()
    {
        _processes = new MarkedProcesses(ConfigVariable, Config);
        Directory.CreateDirectory(Work);
        Directory.CreateSymbolicLink(Path.Combine(Work, "jobs"), Path.Combine(Repository.Path, "jobs"));
        Directory.CreateSymbolicLink(Path.Combine(Work, "publish"), Path.GetDirectoryName(DetoxProgram.Path)!);
        try
        {
            Start();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private string Config => Path.Combine(_folder, "slurm.conf");

    private string DaemonLog => Path.Combine(_folder, "daemons.log");

    private string Work => Path.Combine(_folder, "work");

    /// <summary>Why this machine can have none; null where it can.</summary>
    public static string? Problem()
    {
        if (!Environment.IsPrivilegedProcess) return "only root can start SLURM's daemons";
        if (_programs.FirstOrDefault(program => !MpiRunner.IsOnPath(program)) is { } missing) return $"{missing} is not on PATH; apt install {Packages}";

        // What srun --mpi=pmix looks for, by this name.
        return NativeLibrary.TryLoad("libpmix.so", out _) ? null : $"there is no libpmix.so; apt install {Packages}";
    }

    /// <summary>Submits a script of jobs/, and returns the job's number.</summary>
    /// <param name="options">The program's.</param>
    public int Submit(string script, int ranks, int minutes, string options)
        => int.Parse(
            Say(["sbatch", "--parsable", $"--ntasks={ranks}", $"--time={minutes}", $"jobs/{script}", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]),
            CultureInfo.InvariantCulture);

    /// <summary>What a command of SLURM's prints; the test fails where the command does.</summary>
    public string Say(params string[] command)
    {
        (int code, string said) = Run(command);
        Assert.That(code, Is.Zero, $"{string.Join(' ', command)}\n{said}\n{Tail(DaemonLog)}");
        return said;
    }

    /// <summary>What the job has printed, in all its starts.</summary>
    public string Log(int job) => Path.Combine(Work, $"detox-{job}.log") is var path && File.Exists(path) ? File.ReadAllText(path) : "";

    public string RunFolder(int job) => Path.Combine(Work, "runs", $"slurm-{job}");

    public void AwaitSteps(int job, int steps)
    {
        string path = Path.Combine(RunFolder(job), "steps.jsonl");
        Await(() => File.Exists(path) && File.ReadLines(path).Count() >= steps, () => $"job {job} has not made {steps} steps\n{Log(job)}");
    }

    /// <summary>Waits until the job neither runs nor waits to run, and returns what SLURM knows of it, by SLURM's names.</summary>
    public IReadOnlyDictionary<string, string> AwaitEnd(int job)
    {
        IReadOnlyDictionary<string, string> known = Describe(job);
        Await(
            () => (known = Describe(job))["JobState"] is not ("PENDING" or "CONFIGURING" or "RUNNING" or "COMPLETING" or "REQUEUED"),
            () => $"job {job} has not ended: {known["JobState"]} ({known["Reason"]})\n{Log(job)}");
        return known;
    }

    /// <summary>Ends all jobs and the daemons.</summary>
    public void Dispose()
    {
        _processes.Kill();
        _processes.AssertNoneIsLeft("SLURM");
        Directory.Delete(_folder, recursive: true);
    }

    private Dictionary<string, string> Describe(int job)
        => Say("scontrol", "show", "job", "--oneliner", $"{job}").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => word.Split('=', 2))
            .Where(pair => pair.Length == 2).DistinctBy(pair => pair[0]).ToDictionary(pair => pair[0], pair => pair[1].Trim());

    private void Start()
    {
        string host = Environment.MachineName.Split('.')[0];
        int[] ports = FreePorts(2);

        // A job that was put back starts again when its credential has run out. This SLURM looks every second for jobs to start.
        // In TmpFS PMIx makes folders whose names hold the job's number: it starts no task where another cluster has left one.
        File.WriteAllText(Config, $"""
            ClusterName=detox
            SlurmctldHost={host}(127.0.0.1)
            SlurmctldPort={ports[0]}
            SlurmdPort={ports[1]}
            SlurmUser=root
            AuthType=auth/munge
            AuthInfo=socket={_folder}/munge/socket,cred_expire=5
            StateSaveLocation={_folder}/state
            SlurmdSpoolDir={_folder}/spool
            TmpFS={_folder}/tmp
            SlurmctldPidFile={_folder}/slurmctld.pid
            SlurmdPidFile={_folder}/slurmd.pid
            ProctrackType=proctrack/linuxproc
            TaskPlugin=task/none
            SelectType=select/cons_tres
            SelectTypeParameters=CR_CPU
            SchedulerType=sched/builtin
            SchedulerParameters=sched_interval=1
            SlurmdParameters=config_overrides
            NodeName={host} NodeAddr=127.0.0.1 CPUs={Processors}
            PartitionName=all Nodes=ALL Default=YES

            """);
        string munge = Path.Combine(_folder, "munge"), script = $"""
            set -e
            exec > {DaemonLog} 2>&1 < /dev/null
            chmod 755 {_folder}
            mkdir {_folder}/state {_folder}/spool {_folder}/tmp
            install -d -o munge -g munge {munge}
            head -c 128 /dev/urandom | install -o munge -m 600 /dev/stdin {munge}/key
            setpriv --reuid munge --regid munge --clear-groups munged --foreground \
              --socket={munge}/socket --key-file={munge}/key --log-file={munge}/log --pid-file={munge}/pid --seed-file={munge}/seed &
            until [ -S {munge}/socket ]; do sleep 0.05; done
            slurmctld -D &
            exec slurmd -D
            """;
        using Process started = Process.Start(Ready("setsid", "bash", "-c", script))!;
        Await(() => Run("sinfo", "--noheader", "--format=%T").Said.Trim() == "idle", () => "SLURM has no idle node");
    }

    private (int Code, string Said) Run(params string[] command)
    {
        ProcessStartInfo start = Ready(["bash", "-c", "exec \"$@\" 2>&1", .. command[..1], .. command]);
        start.RedirectStandardOutput = true;
        using Process process = Process.Start(start)!;
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, said);
    }

    /// <summary>A command with the environment of somebody who uses this cluster.</summary>
    private ProcessStartInfo Ready(params string[] command)
    {
        ProcessStartInfo start = new(command[0], command[1..]) { WorkingDirectory = Work };
        start.Environment[ConfigVariable] = Config;
        foreach (string name in (string[])["DETOX_MPI", "DETOX_NODES"]) start.Environment.Remove(name);
        return start;
    }

    private void Await(Func<bool> isThere, Func<string> whatIsWrong)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!isThere())
        {
            if (clock.Elapsed.TotalSeconds > LimitSeconds) Assert.Fail($"after {LimitSeconds} s {whatIsWrong()}\n{Tail(DaemonLog)}");
            Thread.Sleep(100);
        }
    }

    private static string Tail(string path) => File.Exists(path) ? string.Join('\n', File.ReadLines(path).TakeLast(40)) : "";

    private static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (TcpListener listener in listeners) listener.Start();
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (TcpListener listener in listeners) listener.Dispose();
        return ports;
    }
}
