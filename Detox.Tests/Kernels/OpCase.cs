using Detox.Gpu.Devices;
using Detox.Tests.Aggregation;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Kernels;

/// <summary>An op with operands of some size, made on whatever device is to run it.</summary>
/// <param name="Op">The name of its type.</param>
/// <param name="What">The sizes.</param>
/// <param name="IsTiny">Small enough for what only acts as a GPU.</param>
/// <param name="ExactNaN">Which NaN it writes is defined: it moves floats without computing any, or writes always the same one. Which NaN comes out of arithmetic is the processor's own.</param>
/// <param name="Before">Floats before each operand: one puts it where no vector is aligned, four where all are.</param>
internal sealed record OpCase(string Op, string What, bool IsTiny, bool ExactNaN, Action<Operands> Run, int Before = 1)
{
    private readonly Lazy<(float[] Memory, double[] Recorded)> _expected = new(() =>
    {
        using PlainDevice plain = new();
        return Operands.After(plain, Run, Before);
    });

    /// <summary>The device leaves the bits that the definition leaves, in the operands and around them.</summary>
    public void Compare(Device device)
    {
        (float[] memory, double[] recorded) = Operands.After(device, Run, Before);
        BitEqual(Comparable(_expected.Value.Memory), Comparable(memory), $"{Op}, {What}");
        BitEqual(_expected.Value.Recorded, recorded, $"{Op}, {What}: results on the host");
    }

    private float[] Comparable(float[] values) => ExactNaN ? values : [.. values.Select(value => float.IsNaN(value) ? float.NaN : value)];
}

/// <summary>Operands on a device, each with floats before and behind it that belong to nobody.</summary>
internal sealed class Operands(Device device, int before) : IDisposable
{
    private const float Nobodys = 77;

    private readonly List<DeviceBuffer> _buffers = [];
    private readonly List<double> _recorded = [];

    public Device Device => device;

    /// <summary>All floats of all operands after some ops, in the order in which they were made, and what was recorded.</summary>
    public static (float[] Memory, double[] Recorded) After(Device device, Action<Operands> run, int before)
    {
        using Operands operands = new(device, before);
        run(operands);
        return ([.. operands._buffers.SelectMany(device.Download)], [.. operands._recorded]);
    }

    public View Of(ReadOnlySpan<float> values)
    {
        DeviceBuffer buffer = device.Upload([.. Enumerable.Repeat(Nobodys, before), .. values, Nobodys]);
        _buffers.Add(buffer);
        return buffer.All.Slice(before, values.Length);
    }

    /// <summary>What an op has still to write.</summary>
    public View Unwritten(int length) => Of([.. Enumerable.Repeat(Nobodys, length)]);

    public View Random(int length, ulong seed, float low = -1, float high = 1) => Of(TestDevices.Random(length, seed, low, high));

    /// <summary>With NaNs of several kinds, infinities, zeros of both signs and the smallest and the largest floats.</summary>
    public View Wild(int length, ulong seed) => Of(SampleRows.Values(length, seed, wild: true));

    public View Values(int length, ulong seed, bool wild) => wild ? Wild(length, seed) : Random(length, seed);

    /// <summary>Notes what an op gives to the host.</summary>
    public void Record(ReadOnlySpan<double> results) => _recorded.AddRange(results);

    public void Record(ReadOnlySpan<byte> results)
    {
        foreach (byte result in results) _recorded.Add(result);
    }

    public void Record(bool result) => _recorded.Add(result ? 1 : 0);

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
    }
}
