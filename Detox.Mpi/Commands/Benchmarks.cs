using System.Diagnostics;
using Detox.Gpu;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>One line of bench.</summary>
/// <param name="Seconds">The median over the runs.</param>
/// <param name="Gflops">Null where operations are not what counts.</param>
/// <param name="BytesPerSecond">Of the bytes that must be read at least once; null where bytes are not what counts.</param>
/// <param name="ShareOfPeak">Of what the device does at best in this run, in arithmetic or in copying, whichever is the larger share; null where the case is no single op.</param>
internal sealed record Measurement(string Name, string Case, int Threads, double Seconds, double? Gflops, double? BytesPerSecond, double? ShareOfPeak = null);

/// <summary>The measurements of bench: warmed up, repeated, medians.</summary>
internal static class Benchmarks
{
    private const double WarmSeconds = 0.3;
    private const double MeasureSeconds = 1.0;
    private const double LongestSeconds = 20;
    private const int FewestRuns = 7;
    private const int RuleWidth = 1_000_000;
    private const int GemmSize = 1024;

    public static IReadOnlyList<string> Names { get; } = ["gradient", "gemm", "rule", "ballot", "kernel"];

    /// <summary>Every measurement whose name begins with <paramref name="only"/>, one after another.</summary>
    public static IEnumerable<Measurement> Run(string choice, string only, IReadOnlyList<int> threadCounts)
    {
        bool Wanted(string name) => name.StartsWith(only, StringComparison.Ordinal);
        foreach (int threads in threadCounts)
        {
            using Device device = DeviceChoice.Open(choice, threads, rank: 0, localRank: 0);
            if (Wanted("gradient"))
            {
                yield return Gradient(device, threads, "mlp", 32);
                yield return Gradient(device, threads, "lenet", 32);
                yield return Gradient(device, threads, "lenet", 96);
                yield return Gradient(device, threads, "resnet18", 32, side: 32, channels: 3);
            }

            if (Wanted("gemm")) yield return Gemm(device, threads);
            if (Wanted("rule"))
            {
                foreach (int n in (int[])[15, 45])
                    foreach (string rule in (string[])["mean", "median", "geometric-median", "multi-krum", "bulyan"])
                        yield return Rule(device, threads, rule, n);
            }

            if (Wanted("ballot"))
            {
                foreach (BallotKind kind in Enum.GetValues<BallotKind>())
                    yield return Ballot(device, threads, kind, 431_080);
            }

            if (Wanted("kernel"))
                foreach (Measurement kernel in Kernels(device, threads)) yield return kernel;
        }
    }

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

        (KernelCase arithmetic, KernelCase memory) = kernels.Peaks();
        Measurement fma = Measure(arithmetic, double.PositiveInfinity, double.PositiveInfinity) with { ShareOfPeak = 1 };
        Measurement copy = Measure(memory, double.PositiveInfinity, double.PositiveInfinity) with { ShareOfPeak = 1 };
        yield return fma;
        yield return copy;
        foreach (KernelCase kernel in kernels.Cases()) yield return Measure(kernel, fma.Gflops!.Value * 1e9, copy.BytesPerSecond!.Value);
    }

    private static Measurement Gradient(Device device, int threads, string model, int batch, int side = 28, int channels = 1)
    {
        using Network network = Network.Create(model, device, side, side, channels, 10, batch);
        using DeviceBuffer weights = device.Allocate(network.StateLength);
        using DeviceBuffer payload = device.Allocate(network.PayloadLength);
        float[] values = new float[network.StateLength], images = new float[batch * network.InputLength];
        int[] labels = new int[batch];
        network.Initialise(1, values);
        device.Write(values, weights.All);
        SeededRandom random = new(1);
        foreach (ref float pixel in images.AsSpan()) pixel = random.NextFloat(-1, 1);
        foreach (ref int label in labels.AsSpan()) label = random.NextInt(network.Classes);
        double seconds = Median(device, payload, () => network.Gradient(weights.All, images, labels, payload.All));
        return new Measurement("gradient", $"{model} batch {batch}", threads, seconds, network.GradientFlops(batch) / seconds / 1e9, null);
    }

    private static Measurement Gemm(Device device, int threads)
    {
        const int n = GemmSize;
        using DeviceBuffer a = Random(device, n * n), b = Random(device, n * n), c = device.Allocate(n * n);
        double seconds = Median(device, c, () => device.MatrixMultiply(n, n, n, a.All, b.All, c.All));
        return new Measurement("gemm", $"{n} x {n} x {n}", threads, seconds, 2.0 * n * n * n / seconds / 1e9, null);
    }

    private static Measurement Rule(Device device, int threads, string name, int n)
    {
        // As many wrong rows as bulyan can stand, so that all rules are told the same f.
        int f = (n - 3) / 4;
        using AggregationRule rule = AggregationRule.Parse(name, f);
        using DeviceBuffer rows = Random(device, (long)n * RuleWidth), output = device.Allocate(RuleWidth);
        long[] offsets = [.. Enumerable.Range(0, n).Select(i => (long)i * RuleWidth)];
        double seconds = Median(device, output, () => rule.Aggregate(device, new Rows(rows.All, offsets, RuleWidth), output.All));
        return new Measurement("rule", $"{name} n={n} d={RuleWidth}", threads, seconds, null, (double)n * RuleWidth * sizeof(float) / seconds);
    }

    private static Measurement Ballot(Device device, int threads, BallotKind kind, int length)
    {
        using DeviceBuffer vector = Random(device, length);
        BallotTree tree = new(device, kind, length);
        double seconds = Median(device, vector, () => tree.Compute(vector.All));
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
    private static double Median(Device device, DeviceBuffer result, Action work)
    {
        float[] one = new float[1];
        void WorkAndWait()
        {
            work();
            device.Read(result.All.Slice(0, 1), one);
        }

        long start = Stopwatch.GetTimestamp();
        do WorkAndWait();
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < WarmSeconds);

        List<double> seconds = [];
        start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < (seconds.Count < FewestRuns ? LongestSeconds : MeasureSeconds))
        {
            long before = Stopwatch.GetTimestamp();
            WorkAndWait();
            seconds.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
        }

        seconds.Sort();
        return (seconds[(seconds.Count - 1) / 2] + seconds[seconds.Count / 2]) / 2;
    }
}
