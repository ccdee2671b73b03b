using System.CommandLine;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>doctor: what this machine offers to a run, what would be used, and what to do where something is missing.</summary>
internal static class DoctorCommand
{
    public static Command Create(Launcher launcher)
    {
        Command command = new("doctor", "Say what MPI, devices and scheduler there are, what would be used, and what is missing.");
        command.SetAction(_ => (int)Execute(launcher));
        return command;
    }

    private static ExitCode Execute(Launcher launcher)
    {
        Section("processor");
        using (CpuDevice cpu = new(Environment.ProcessorCount)) Line("device", cpu.Name);
        Line("memory", $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:F1} GB");
        Line("--device auto", DeviceChoice.HasCuda() ? "cuda" : "cpu");

        Section("GPUs");
        foreach (IlgpuKind kind in (IlgpuKind[])[IlgpuKind.Cuda, IlgpuKind.OpenCl])
            foreach ((string name, string found) in IlgpuDevice.Find(kind)) Line(name, found);

        Section("MPI libraries");
        foreach (FoundLibrary library in MpiProbe.Libraries())
        {
            string name = MpiLocator.NameOf(library.Family);
            if (library.Path is null) Line(name, $"not found: {library.Problem}");
            else Line(name, $"{library.Version} ({library.Path})");
        }

        Section("launchers");
        IReadOnlyList<(string Name, string Path)> launchers = MpiProbe.Launchers();
        foreach ((string name, string path) in launchers) Line(name, path);
        if (launchers.Count == 0) Line("none", "install one with an MPI library above, or train in one process: dotnet Detox.Mpi.dll");

        Section("this process");
        string? wish = Environment.GetEnvironmentVariable(MpiLocator.Variable);
        if (wish is not null) Line(MpiLocator.Variable, wish);
        Line("messages", MpiProbe.WouldUse(launcher, wish));
        Line("scheduler", Environment.GetEnvironmentVariable("SLURM_JOB_ID") is { } job ? $"SLURM job {job}" : "none");
        return ExitCode.Done;
    }

    private static void Section(string title) => Console.WriteLine(title);

    private static void Line(string name, string text) => Console.WriteLine($"  {name,-18}{text}");
}
