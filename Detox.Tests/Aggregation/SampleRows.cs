using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Tests.Aggregation;

/// <summary>Rows to aggregate, and what a rule makes of them.</summary>
internal static class SampleRows
{
    /// <summary>Values of many sizes and signs, ties, zeros of both signs; with <paramref name="wild"/>, also what is not finite.</summary>
    public static float[] Values(int count, ulong seed, bool wild)
    {
        var random = new SeededRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = random.NextInt(wild ? 24 : 16) switch
            {
                0 => 0f,
                1 => -0f,
                2 => random.NextInt(3) - 1,
                3 => random.NextFloat(-1, 1) * 1e-30f,
                4 => random.NextFloat(-1, 1) * 1e6f,
                16 => float.NaN,
                17 => BitConverter.Int32BitsToSingle(unchecked((int)0xFFC12345)),
                18 => float.PositiveInfinity,
                19 => float.NegativeInfinity,
                20 => float.MaxValue,
                21 => -float.MaxValue,
                22 => float.Epsilon,
                _ => random.NextFloat(-1, 1),
            };
        }

        return values;
    }

    /// <summary>The rule's result on the rows, which lie apart and out of order in the device's memory.</summary>
    public static float[] Aggregate(Device device, Gpu.Aggregation.AggregationRule rule, params float[][] rows)
    {
        int n = rows.Length, width = rows[0].Length, stride = width + 3;
        using DeviceBuffer memory = device.Allocate((n * stride) + 1);
        using DeviceBuffer output = device.Allocate(width);
        long[] offsets = new long[n];
        for (int i = 0; i < n; i++)
        {
            offsets[i] = (n - 1 - i) * stride;
            device.Write(rows[i], memory.All.Slice(offsets[i], width));
        }

        rule.Aggregate(device, new Rows(memory.All, offsets, width), output.All);
        float[] result = new float[width];
        device.Read(output.All, result);
        return result;
    }

    public static float[] Aggregate(string rule, int f, params float[][] rows)
    {
        using var device = new CpuDevice(1);
        using var parsed = Gpu.Aggregation.AggregationRule.Parse(rule, f);
        return Aggregate(device, parsed, rows);
    }

    /// <summary>n rows around one random direction, each with its own noise.</summary>
    public static float[][] Honest(int n, int width, ulong seed)
    {
        var random = new SeededRandom(seed);
        float[] centre = new float[width];
        for (int j = 0; j < width; j++) centre[j] = random.NextFloat(-1, 1);
        float[][] rows = new float[n][];
        for (int i = 0; i < n; i++)
        {
            rows[i] = new float[width];
            for (int j = 0; j < width; j++) rows[i][j] = centre[j] + random.NextFloat(-0.5f, 0.5f);
        }

        return rows;
    }
}
