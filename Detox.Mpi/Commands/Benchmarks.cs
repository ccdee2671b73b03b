using System.Diagnostics;
using System.Text.RegularExpressions;
using Detox.Gpu;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;
using Detox.Gpu.Networks;
using Detox.Mpi.Data;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>One line of bench.</summary>
/// <param name="Seconds">The median over the runs.</param>
/// <param name="Gflops">Null where operations are not what counts.</param>
/// <param name="BytesPerSecond">Of the bytes that must be read at least once; null where bytes are not what counts.</param>
/// <param name="ShareOfPeak">Of what the device does at best in this run, in arithmetic or in copying, whichever is the larger share; null where the case is no single op.</param>
internal sealed record Measurement(string Name, string Case, int Threads, double Seconds, double? Gflops, double? BytesPerSecond, double? ShareOfPeak = null)
{
    /// <summary>What one run asks of a GPU; null where that is not counted.</summary>
    public DeviceWork? Work { get; init; }

    /// <summary>How many times as long as its gradients alone; null where it is no step of a run.</summary>
    public double? OfPure { get; init; }
}

/// <summary>The measurements of bench: warmed up, repeated, medians.</summary>
internal static class Benchmarks
{
    private const int FewestRuns = 7;
    private const int RuleWidth = 1_000_000;
    private const int GemmSize = 1024;
    private const int BallotLength = 431_080;
    private static readonly Timing _usual = new(WarmSeconds: 0.3, MeasureSeconds: 1, LongestSeconds: 20, FewestRuns);

    private static readonly string[] _rules = ["mean", "median", "geometric-median", "multi-krum", "bulyan"];

    public static IReadOnlyList<string> Names { get; } = ["gradient", "step", "steps", "gemm", "rule", "aggregate", "ballot", "kernel", "layer"];

    /// <summary>Every measurement whose name begins with <paramref name="only"/>, one after another.</summary>
    /// <param name="data">What whole runs train on, as train's --data.</param>
    public static IEnumerable<Measurement> Run(string choice, string only, IReadOnlyList<int> threadCounts, string data)
    {
        bool Wanted(string name) => name.StartsWith(only, StringComparison.Ordinal);

        // Whole runs take minutes: only who asks for them gets them.
        if (only.Length > 0 && choice == "cpu" && Wanted("steps"))
            foreach (Measurement step in StepRuns.Measure(data)) yield return step;
        foreach (int threads in threadCounts)
        {
            using Device device = DeviceChoice.Open(choice, threads, rank: 0, localRank: 0);
            if (Wanted("gradient"))
            {
                yield return Gradient(device, threads, "mlp", 32);
                yield return Gradient(device, threads, "lenet", 32);
                yield return Gradient(device, threads, "lenet", 96);
                yield return Gradient(device, threads, "resnet18", 32, side: 32, channels: 3);
                yield return Gradient(device, threads, "vgg13-bn", 32, side: 32, channels: 3);
            }

            if (Wanted("step"))
            {
                yield return WorkerStep(device, threads, "lenet", 32);
                yield return WorkerStep(device, threads, "resnet18", 32, side: 32, channels: 3);
                foreach (string rule in _rules) yield return ServerStep(device, threads, "lenet", rule);
            }

            if (Wanted("gemm")) yield return Gemm(device, threads);
            if (Wanted("rule"))
            {
                foreach (int n in (int[])[15, 45])
                    foreach (string name in _rules)
                        using (var rule = AggregationRule.Parse(name, ToldOf(n))) yield return Rule("rule", device, threads, rule, RuleCase(name, n), n);
            }

            if (Wanted("aggregate"))
            {
                // As other programs have been measured. Smea would look at too many subsets.
                const int n = 45, f = 5;
                IEnumerable<(string[] Before, string Rule)> all = [.. AggregationRule.Names.Select(name => (Array.Empty<string>(), name)), .. PreRule.Known.Names.Select(pre => (new[] { pre }, "mean"))];
                foreach ((string[] before, string name) in all)
                    using (var rule = AggregationRule.Parse(before, name, f))
                        if (rule.Excess(n) is null) yield return Rule("aggregate", device, threads, rule, RuleCase(rule.Name, n), n);
            }

            if (Wanted("ballot"))
            {
                foreach (BallotKind kind in Enum.GetValues<BallotKind>())
                    yield return Ballot(device, threads, kind);
            }

            if (Wanted("layer"))
            {
                double peakFlops = PeakFlops(device);
                foreach (string model in (string[])["resnet18", "vgg13-bn"])
                    foreach (Measurement layer in Layers(device, threads, peakFlops, model, batch: 32, side: 32, channels: 3)) yield return layer;
            }

            if (Wanted("kernel"))
                foreach (Measurement kernel in Kernels(device, threads)) yield return kernel;
        }
    }

    /// <summary>What a step's seconds follow from, within some tenths of a second: a gradient of a smaller batch, ballots, arithmetic and copying.</summary>
    /// <param name="model">Null: a product of matrices stands for its gradient.</param>
    public static IReadOnlyList<Measurement> Briefly(string? model, int batch, ImageShape shape, BallotKind ballot)
    {
        const int largestBatch = 8, copied = 1 << 23;
        Timing brief = new(WarmSeconds: 0, MeasureSeconds: 0.03, LongestSeconds: 0.2, FewestRuns: 3);
        List<Measurement> measurements = [];
        foreach (int threads in (int[])[.. new[] { 1, Environment.ProcessorCount }.Distinct()])
        {
            using CpuDevice device = new(threads);
            if (threads == 1) measurements.Add(model is null ? Gemm(device, threads, brief) : Gradient(device, threads, model, Math.Min(batch, largestBatch), shape, brief));
            measurements.Add(Ballot(device, threads, ballot, brief));
            using KernelBenchmarks kernels = new(device);
            foreach (KernelCase peak in (KernelCase[])[kernels.Arithmetic(), kernels.Copying(copied)])
            {
                double seconds = Median(device, kernels.Any, peak.Run, brief);
                measurements.Add(new Measurement("kernel", peak.Name, threads, seconds, peak.Flops / seconds / 1e9, peak.Bytes / seconds));
            }
        }

        return measurements;
    }

    /// <summary>The rule, the rows and the width of a measurement of a rule.</summary>
    /// <exception cref="FormatException">The case is none of bench's.</exception>
    public static (string Rule, int Rows, int Width) RuleOf(Measurement measurement)
    {
        Match match = Regex.Match(measurement.Case, @"^(\S+) n=(\d+) d=(\d+)\z", RegexOptions.CultureInvariant);
        if (!match.Success) throw new FormatException($"expected a case as '{RuleCase("median", 15)}', found '{measurement.Case}'");
        return (match.Groups[1].Value, int.Parse(match.Groups[2].ValueSpan), int.Parse(match.Groups[3].ValueSpan));
    }

    private static string RuleCase(string rule, int rows) => $"{rule} n={rows} d={RuleWidth}";

    /// <summary>What rules of n rows are told: as many wrong rows as bulyan can stand, so that all are told the same f.</summary>
    public static int ToldOf(int rows) => (rows - 3) / 4;

    /// <summary>The device's peaks, then every op with its share of them.</summary>
    private static IEnumerable<Measurement> Kernels(Device device, int threads)
    {
        using KernelBenchmarks kernels = new(device);
        using DeviceBuffer any = device.Allocate(1);
        Measurement Measure(KernelCase of, double peakFlops, double peakBytes)
        {
            double seconds = Median(device, any, of.Run);
            double flops = of.Flops / seconds, bytes = of.Bytes / seconds;
            return new Measurement(
                "kernel", of.Name, threads, seconds, of.Flops > 0 ? flops / 1e9 : null, of.Bytes > 0 ? bytes : null, Math.Max(flops / peakFlops, bytes / peakBytes));
        }

        Measurement fma = Measure(kernels.Arithmetic(), double.PositiveInfinity, double.PositiveInfinity) with { ShareOfPeak = 1 };
        Measurement copy = Measure(kernels.Copying(), double.PositiveInfinity, double.PositiveInfinity) with { ShareOfPeak = 1 };
        yield return fma;
        yield return copy;
        foreach (KernelCase kernel in kernels.Cases()) yield return Measure(kernel, fma.Gflops!.Value * 1e9, copy.BytesPerSecond!.Value);
    }

    private static Measurement Gradient(Device device, int threads, string model, int batch, int side = 28, int channels = 1)
        => Gradient(device, threads, model, batch, new ImageShape(side, side, channels));

    private static Measurement Gradient(Device device, int threads, string model, int batch, ImageShape shape, Timing? timing = null)
    {
        using GradientCase one = new(device, model, batch, shape);
        double seconds = Median(device, one.Payload, one.Run, timing);
        DeviceWork before = device.Work;
        one.Run();
        return new Measurement("gradient", $"{model} batch {batch}", threads, seconds, one.Network.GradientFlops(batch) / seconds / 1e9, null) { Work = device.Work - before };
    }

    /// <summary>A worker's part of a step in which its vector is wanted.</summary>
    private static Measurement WorkerStep(Device device, int threads, string model, int batch, int side = 28, int channels = 1)
    {
        using WorkerCase one = new(device, BallotKind.Blake3, model, batch, new ImageShape(side, side, channels));
        return Step(device, threads, $"worker, {model} batch {batch}", () =>
        {
            one.Vote();
            one.FetchVector();
        });
    }

    /// <summary>Rank 0's part of a step, with as many wrong vectors as bulyan can stand.</summary>
    private static Measurement ServerStep(Device device, int threads, string model, string rule)
    {
        TrainOptions options = new TrainOptions { Ranks = 45, Byzantine = 6, Model = model, Across = rule }.Resolve(launchedRanks: null, cores: threads);
        using ServerCase one = new(device, options, new ImageShape(28, 28, 1));
        return Step(device, threads, $"rank 0, {model} n={options.GroupCount} {rule}", one.Run);
    }

    private static Measurement Step(Device device, int threads, string what, Action run)
    {
        using DeviceBuffer any = device.Allocate(1);
        double seconds = Median(device, any, run);
        DeviceWork before = device.Work;
        run();
        return new Measurement("step", what, threads, seconds, null, null) { Work = device.Work - before };
    }

    /// <summary>Each layer of a network, forward and backward, as it runs within gradients: medians, with the share of the arithmetic peak.</summary>
    private static IEnumerable<Measurement> Layers(Device device, int threads, double peakFlops, string model, int batch, int side, int channels)
    {
        using GradientCase one = new(device, model, batch, new ImageShape(side, side, channels));
        one.Run();
        Dictionary<LayerPass, List<double>> times = [];
        float[] waited = new float[1];
        long last = 0;
        one.Network.Observer = pass =>
        {
            device.Read(one.Payload.All.Slice(0, 1), waited);
            double seconds = Stopwatch.GetElapsedTime(last).TotalSeconds;
            if (!times.TryGetValue(pass, out List<double>? list)) times.Add(pass, list = []);
            list.Add(seconds);
            last = Stopwatch.GetTimestamp();
        };
        for (int run = 0; run < FewestRuns; run++)
        {
            last = Stopwatch.GetTimestamp();
            one.Run();
        }

        foreach ((LayerPass pass, List<double> list) in times.OrderBy(time => (time.Key.Index, time.Key.IsBackward)))
        {
            double seconds = Middle(list), rate = pass.Flops / seconds;
            yield return new Measurement(
                "layer", $"{model} {pass.Index} {pass.Name}{(pass.IsBackward ? " backward" : "")}", threads, seconds, pass.Flops > 0 ? rate / 1e9 : null, null, pass.Flops > 0 ? rate / peakFlops : null);
        }
    }

    private static double PeakFlops(Device device)
    {
        using KernelBenchmarks kernels = new(device);
        using DeviceBuffer any = device.Allocate(1);
        KernelCase arithmetic = kernels.Arithmetic();
        return arithmetic.Flops / Median(device, any, arithmetic.Run);
    }

    private static Measurement Gemm(Device device, int threads, Timing? timing = null)
    {
        const int n = GemmSize;
        using DeviceBuffer a = Random(device, n * n), b = Random(device, n * n), c = device.Allocate(n * n);
        double seconds = Median(device, c, () => device.Run(new MatrixMultiply(n, n, n, a.All, b.All, c.All)), timing);
        return new Measurement("gemm", $"{n} x {n} x {n}", threads, seconds, 2.0 * n * n * n / seconds / 1e9, null);
    }

    private static Measurement Rule(string measured, Device device, int threads, AggregationRule rule, string name, int n)
    {
        using DeviceBuffer rows = Random(device, (long)n * RuleWidth), output = device.Allocate(RuleWidth);
        long[] offsets = [.. Enumerable.Range(0, n).Select(i => (long)i * RuleWidth)];
        double seconds = Median(device, output, () => rule.Aggregate(device, new Rows(rows.All, offsets, RuleWidth), output.All));
        return new Measurement(measured, name, threads, seconds, null, (double)n * RuleWidth * sizeof(float) / seconds);
    }

    private static Measurement Ballot(Device device, int threads, BallotKind kind, Timing? timing = null)
    {
        const int length = BallotLength;
        using DeviceBuffer vector = Random(device, length);
        BallotTree tree = new(device, kind, length);
        double seconds = Median(device, vector, () => tree.Compute(vector.All), timing);
        return new Measurement("ballot", $"{kind.ToString().ToLowerInvariant()} d={length}", threads, seconds, null, (double)length * sizeof(float) / seconds);
    }

    /// <summary>A new buffer of values from -1 to 1.</summary>
    public static DeviceBuffer Random(Device device, long length)
    {
        DeviceBuffer buffer = device.Allocate(length);
        SeededRandom random = new(1, (ulong)length);
        float[] values = new float[length];
        foreach (ref float value in values.AsSpan()) value = random.NextFloat(-1, 1);
        device.Write(values, buffer.All);
        return buffer;
    }

    /// <param name="result">What the work writes, or anything of the device: reading one float of it waits for the work.</param>
    private static double Median(Device device, DeviceBuffer result, Action work, Timing? timing = null)
    {
        (double warmSeconds, double measureSeconds, double longestSeconds, int fewestRuns) = timing ?? _usual;
        float[] one = new float[1];
        void WorkAndWait()
        {
            work();
            device.Read(result.All.Slice(0, 1), one);
        }

        long start = Stopwatch.GetTimestamp();
        do WorkAndWait();
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < warmSeconds);

        List<double> seconds = [];
        start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < (seconds.Count < fewestRuns ? longestSeconds : measureSeconds))
        {
            long before = Stopwatch.GetTimestamp();
            WorkAndWait();
            seconds.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
        }

        return Middle(seconds);
    }

    /// <summary>How long a case is run to warm up, then to measure it, and the longest where that is less than the fewest runs take.</summary>
    private sealed record Timing(double WarmSeconds, double MeasureSeconds, double LongestSeconds, int FewestRuns);

    public static double Middle(List<double> seconds)
    {
        seconds.Sort();
        return (seconds[(seconds.Count - 1) / 2] + seconds[seconds.Count / 2]) / 2;
    }
}
