using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Detox.Gpu.Devices.Cpu;
using Detox.Mpi.Data;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Commands;

/// <summary>Steps of whole runs, under each launcher that is here and in one process, beside the gradients that they consist of and nothing else.</summary>
/// <remarks>LeNet, 32 images a rank, the median, no attack. In each round all cases are measured in turn, each behind a measurement of pure computing, since
/// machines that others use too change from minute to minute; ratios are medians over the rounds.</remarks>
internal static class StepRuns
{
    private const string Model = "lenet";
    private const int Batch = 32, Rounds = 5, Steps = 40;
    private const double PureSeconds = 1, LongestStartSeconds = 120;

    /// <param name="Gradients">Distinct ones of a step, which all cores together compute.</param>
    private sealed record Case(string Name, string? Launcher, string Options, int Ranks, int Gradients)
    {
        public List<double> Seconds { get; } = [];

        public List<double> Ratios { get; } = [];

        public List<double> Starts { get; } = [];
    }

    /// <param name="data">As train's --data.</param>
    public static IEnumerable<Measurement> Measure(string data)
    {
        List<Case> cases = [];
        foreach ((string name, string path) in MpiProbe.Launchers().Where(launcher => launcher.Name is "mpiexec.openmpi" or "mpiexec.mpich"))
        {
            string options = name == "mpiexec.openmpi" ? "--oversubscribe" : "";
            foreach (int ranks in (int[])[45, 9]) cases.Add(new Case($"{ranks} ranks, {name}", path, options, ranks, ranks));
        }

        cases.Add(new Case("45 ranks in one process", null, "", 45, 15));
        cases.Add(new Case("45 ranks in one process, r = 1", null, "--group-size 1", 45, 45));
        for (int round = 0; round < Rounds; round++)
        {
            foreach (Case one in cases)
            {
                double pure = one.Gradients * SecondsOfGradient();
                (double start, double step) = Run(one, data);
                one.Starts.Add(start);
                one.Seconds.Add(step);
                one.Ratios.Add(step / pure);
            }
        }

        int threads = Environment.ProcessorCount;
        foreach (Case one in cases)
        {
            yield return new Measurement("steps", one.Name, threads, Benchmarks.Middle(one.Seconds), null, null) { OfPure = Benchmarks.Middle(one.Ratios) };
            yield return new Measurement("steps", $"{one.Name}: start to first step", threads, Benchmarks.Middle(one.Starts), null, null);
        }
    }

    /// <summary>What a gradient takes where every core computes some, by the number of cores.</summary>
    private static double SecondsOfGradient()
    {
        long done = 0;
        TimeSpan longest = default;
        Lock only = new();
        Thread[] threads = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(() =>
        {
            using CpuDevice device = new(1);
            using GradientCase gradient = new(device, Model, Batch, new ImageShape(28, 28, 1));
            gradient.Run();
            long start = Stopwatch.GetTimestamp(), own = 0;
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < PureSeconds)
            {
                gradient.Run();
                own++;
            }

            TimeSpan taken = Stopwatch.GetElapsedTime(start);
            lock (only)
            {
                done += own;
                if (taken > longest) longest = taken;
            }
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        return longest.TotalSeconds / done;
    }

    /// <summary>Seconds from the launch to the end of the first step, and of a median step.</summary>
    /// <exception cref="DetoxException">The run fails, or does not begin.</exception>
    private static (double Start, double Step) Run(Case one, string data)
    {
        string folder = Directory.CreateTempSubdirectory("detox-bench-").FullName, run = Path.Combine(folder, "run");
        try
        {
            string host = Environment.ProcessPath!, program = Path.GetFileNameWithoutExtension(host) == "dotnet" ? $"{host} {typeof(StepRuns).Assembly.Location}" : host;
            string train = string.Create(
                CultureInfo.InvariantCulture,
                $"train --ranks {one.Ranks} --model {Model} --data {data} --batch {Batch} --steps {Steps} --byzantine 0 --attack none --evaluate-every 0 --checkpoint-every 0 --out {folder} --name run");
            string[] words = one.Launcher is null
                ? $"{program} {train} {one.Options}".Split(' ', StringSplitOptions.RemoveEmptyEntries)
                : $"{one.Launcher} {one.Options} -n {one.Ranks} {program} {train}".Split(' ', StringSplitOptions.RemoveEmptyEntries);
            ProcessStartInfo start = new(words[0], words[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
            long launched = Stopwatch.GetTimestamp();
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
            double first = AwaitFirstStep(process, Path.Combine(run, Reports.RunFolder.Steps), launched);
            process.WaitForExit();
            string result = Path.Combine(run, Reports.RunFolder.Result);
            if (process.ExitCode != 0 || !File.Exists(result))
                throw new DetoxException(ExitCode.Environment, $"bench: {string.Join(' ', words)} ended with {process.ExitCode}.\n{output.Result}{errors.Result}");
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(result));
            return (first, json.RootElement.GetProperty("median_step_seconds").GetDouble());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double AwaitFirstStep(Process process, string steps, long launched)
    {
        const int lookMilliseconds = 5;
        while (!(File.Exists(steps) && new FileInfo(steps).Length > 0))
        {
            double seconds = Stopwatch.GetElapsedTime(launched).TotalSeconds;
            if (process.HasExited) return seconds;
            if (seconds > LongestStartSeconds)
            {
                process.Kill(entireProcessTree: true);
                throw new DetoxException(ExitCode.Environment, $"bench: no first step after {LongestStartSeconds} s.");
            }

            Thread.Sleep(lookMilliseconds);
        }

        return Stopwatch.GetElapsedTime(launched).TotalSeconds;
    }
}
