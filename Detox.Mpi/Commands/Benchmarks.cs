using System.Diagnostics;
using Detox.Gpu;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;

namespace Detox.Mpi.Commands;

/// <summary>One line of bench.</summary>
/// <param name="Seconds">The median over the runs.</param>
/// <param name="Gflops">Null where operations are not what counts.</param>
/// <param name="BytesPerSecond">Of the bytes that must be read at least once; null where bytes are not what counts.</param>
internal sealed record Measurement(string Name, string Case, int Threads, double Seconds, double? Gflops, double? BytesPerSecond);

/// <summary>The measurements of bench: warmed up, repeated, medians.</summary>
internal static class Benchmarks
{
    private const double WarmSeconds = 0.3;
    private const double MeasureSeconds = 1.0;
    private const int FewestRuns = 7;
    private const int RuleWidth = 1_000_000;
    private const int GemmSize = 1024;

    public static IReadOnlyList<string> Names { get; } = ["gradient", "gemm", "rule", "ballot"];

    /// <summary>Every measurement whose name begins with <paramref name="only"/>, one after another.</summary>
    public static IEnumerable<Measurement> Run(string only, IReadOnlyList<int> threadCounts)
    {
        bool Wanted(string name) => name.StartsWith(only, StringComparison.Ordinal);
        foreach (int threads in threadCounts)
        {
            using CpuDevice device = new(threads);
            if (Wanted("gradient"))
            {
                yield return Gradient(device, "mlp", 32);
                yield return Gradient(device, "lenet", 32);
                yield return Gradient(device, "lenet", 96);
            }

            if (Wanted("gemm")) yield return Gemm(device);
            if (Wanted("rule"))
            {
                foreach (int n in (int[])[15, 45])
                    foreach (string rule in (string[])["mean", "median", "geometric-median", "multi-krum", "bulyan"])
                        yield return Rule(device, rule, n);
            }

            if (Wanted("ballot"))
            {
                foreach (BallotKind kind in Enum.GetValues<BallotKind>())
                    yield return Ballot(device, kind, 431_080);
            }
        }
    }

    private static Measurement Gradient(CpuDevice device, string model, int batch)
    {
        using Network network = Network.Create(model, device, 28, 28, 1, 10, batch);
        using DeviceBuffer weights = device.Allocate(network.ParameterCount);
        using DeviceBuffer payload = device.Allocate(network.PayloadLength);
        float[] values = new float[network.ParameterCount], images = new float[batch * network.InputLength];
        int[] labels = new int[batch];
        network.Initialise(1, values);
        device.Write(values, weights.All);
        SeededRandom random = new(1);
        foreach (ref float pixel in images.AsSpan()) pixel = random.NextFloat(-1, 1);
        foreach (ref int label in labels.AsSpan()) label = random.NextInt(network.Classes);
        double seconds = Median(() => network.Gradient(weights.All, images, labels, payload.All));
        return new Measurement("gradient", $"{model} batch {batch}", device.Threads, seconds, network.GradientFlops(batch) / seconds / 1e9, null);
    }

    private static Measurement Gemm(CpuDevice device)
    {
        const int n = GemmSize;
        using DeviceBuffer a = Random(device, n * n), b = Random(device, n * n), c = device.Allocate(n * n);
        double seconds = Median(() => device.MatrixMultiply(n, n, n, a.All, b.All, c.All));
        return new Measurement("gemm", $"{n} x {n} x {n}", device.Threads, seconds, 2.0 * n * n * n / seconds / 1e9, null);
    }

    private static Measurement Rule(CpuDevice device, string name, int n)
    {
        // As many wrong rows as bulyan can stand, so that all rules are told the same f.
        int f = (n - 3) / 4;
        using AggregationRule rule = AggregationRule.Parse(name, f);
        using DeviceBuffer rows = Random(device, (long)n * RuleWidth), output = device.Allocate(RuleWidth);
        long[] offsets = [.. Enumerable.Range(0, n).Select(i => (long)i * RuleWidth)];
        double seconds = Median(() => rule.Aggregate(device, new Rows(rows.All, offsets, RuleWidth), output.All));
        return new Measurement("rule", $"{name} n={n} d={RuleWidth}", device.Threads, seconds, null, (double)n * RuleWidth * sizeof(float) / seconds);
    }

    private static Measurement Ballot(CpuDevice device, BallotKind kind, int length)
    {
        using DeviceBuffer vector = Random(device, length);
        BallotTree tree = new(device, kind, length);
        double seconds = Median(() => tree.Compute(vector.All));
        return new Measurement("ballot", $"{kind.ToString().ToLowerInvariant()} d={length}", device.Threads, seconds, null, (double)length * sizeof(float) / seconds);
    }

    private static DeviceBuffer Random(Device device, long length)
    {
        DeviceBuffer buffer = device.Allocate(length);
        SeededRandom random = new(1, (ulong)length);
        foreach (ref float value in device.HostMemory(buffer.All).Span) value = random.NextFloat(-1, 1);
        return buffer;
    }

    private static double Median(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        do work();
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < WarmSeconds);

        List<double> seconds = [];
        start = Stopwatch.GetTimestamp();
        while (seconds.Count < FewestRuns || Stopwatch.GetElapsedTime(start).TotalSeconds < MeasureSeconds)
        {
            long before = Stopwatch.GetTimestamp();
            work();
            seconds.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
        }

        seconds.Sort();
        return (seconds[(seconds.Count - 1) / 2] + seconds[seconds.Count / 2]) / 2;
    }
}
