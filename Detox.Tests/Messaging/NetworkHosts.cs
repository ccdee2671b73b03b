using System.Diagnostics;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>Hosts on this machine: network namespaces joined by a bridge, each with a name and a /dev/shm of its own.</summary>
internal sealed class NetworkHosts : IDisposable
{
    private const string Bridge = "detoxbr";
    private const string Mark = "# a host of Detox's tests";
    private const string Names = "/etc/hosts";

    private readonly int _count;
    private readonly string _folder = Directory.CreateTempSubdirectory("detox-hosts-").FullName;

    /// <summary>Makes the hosts; what an earlier run has left goes first.</summary>
    public NetworkHosts(int count)
    {
        _count = count;
        Remove();
        Shell($"ip link add {Bridge} type bridge && ip link set {Bridge} up");
        for (int host = 1; host <= count; host++)
        {
            Shell($"ip netns add {Name(host)} && ip link add {Cable(host)} type veth peer name eth0 netns {Name(host)}");
            Shell($"ip link set {Cable(host)} master {Bridge} && ip link set {Cable(host)} up");
            Shell($"ip -n {Name(host)} addr add 10.77.0.{host}/24 dev eth0 && ip -n {Name(host)} link set eth0 up && ip -n {Name(host)} link set lo up");
        }

        File.AppendAllLines(Names, Enumerable.Range(1, count).Select(host => $"10.77.0.{host} {Name(host)} {Mark}"));

        // What mpiexec takes for ssh. Its arguments are a line for a shell.
        File.WriteAllText(Agent, """
            #!/bin/bash
            host=$1; shift
            exec ip netns exec "$host" unshare -m -u bash -c 'hostname "$0" && mount -t tmpfs tmpfs /dev/shm && exec bash -c "$1"' "$host" "$*"
            """);
        Shell($"chmod +x {Agent}");
        File.WriteAllLines(HostFile, Enumerable.Range(1, count).Select(host => $"{Name(host)} slots=3"));
    }

    private string Agent => Path.Combine(_folder, "agent");

    private string HostFile => Path.Combine(_folder, "hostfile");

    public static string Name(int host) => $"detox{host}";

    /// <summary>Why this machine can have none; null where it can.</summary>
    public static string? Problem()
    {
        if (!Environment.IsPrivilegedProcess) return "only root can make network namespaces";
        const string trial = "detoxtrial";
        (int code, string said) = Run($"ip netns add {trial} && ip netns exec {trial} unshare -m -u true && ip -n {trial} link add detoxt0 type veth peer name detoxt1");
        Run($"ip netns del {trial}");
        return code == 0 ? null : $"no network namespaces here: {said.Trim()}";
    }

    /// <summary>mpiexec on the first host, with three ranks on each.</summary>
    public IReadOnlyList<string> Command(string program, string arguments)
    {
        string[] mpiexec =
        [
            MpiRunner.OpenMpi, "--hostfile", HostFile, "--map-by", "slot", "--oversubscribe", "--mca", "plm_rsh_agent", Agent, "--mca", "btl", "self,vader,tcp",
            "--mca", "btl_tcp_if_include", "eth0", "--mca", "oob_tcp_if_include", "eth0", "-n", $"{3 * _count}", "dotnet", "exec", program,
        ];
        string[] quoted = [.. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(argument => $"'{argument}'")];
        return [Agent, Name(1), .. mpiexec, .. quoted];
    }

    /// <summary>What a host sends leaves it slowly, and late where the kernel knows how to do that.</summary>
    public static void SlowDown(int host) => Shell($"{Queue(host, "add")} netem rate 100mbit delay 2ms || {Queue(host, "add")} tbf rate 100mbit burst 32kb latency 100ms");

    public static void SpeedUp(int host) => Shell(Queue(host, "del"));

    public static void Cut(int host) => Shell($"ip link set {Cable(host)} down");

    public static void Mend(int host) => Shell($"ip link set {Cable(host)} up");

    public void Dispose()
    {
        Remove();
        Directory.Delete(_folder, recursive: true);
    }

    private static string Queue(int host, string change) => $"ip netns exec {Name(host)} tc qdisc {change} dev eth0 root";

    private static string Cable(int host) => $"detoxv{host}";

    private void Remove()
    {
        for (int host = 1; host <= _count; host++) Run($"ip link del {Cable(host)}; ip netns del {Name(host)}");
        Run($"ip link del {Bridge}");
        string[] lines = File.ReadAllLines(Names), others = [.. lines.Where(line => !line.EndsWith(Mark, StringComparison.Ordinal))];
        if (others.Length < lines.Length) File.WriteAllLines(Names, others);
    }

    private static void Shell(string command)
    {
        (int code, string said) = Run(command);
        Assert.That(code, Is.Zero, $"{command}\n{said}");
    }

    private static (int Code, string Said) Run(string command)
    {
        using Process process = Process.Start(new ProcessStartInfo("bash", ["-c", $"exec 2>&1; {command}"]) { RedirectStandardOutput = true })!;
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, said);
    }
}
