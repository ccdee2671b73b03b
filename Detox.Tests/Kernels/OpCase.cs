using Detox.Gpu.Devices;
using Detox.Tests.Aggregation;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Kernels;

/// <summary>An op with operands of some size, made on whatever device is to run it.</summary>
/// <param name="Op">The name of its type.</param>
/// <param name="What">The sizes.</param>
/// <param name="IsTiny">Small enough for what only acts as a GPU.</param>
/// <param name="Chooses">It moves floats without computing any, so that a NaN keeps its bits. Which NaN comes out of arithmetic is the processor's own.</param>
internal sealed record OpCase(string Op, string What, bool IsTiny, bool Chooses, Action<Operands> Run)
{
    private readonly Lazy<float[]> _expected = new(() =>
    {
        using PlainDevice plain = new();
        return Operands.After(plain, Run);
    });

    /// <summary>The device leaves the bits that the definition leaves, in the operands and around them.</summary>
    public void Compare(Device device)
    {
        float[] found = Operands.After(device, Run);
        BitEqual(Comparable(_expected.Value), Comparable(found), $"{Op}, {What}");
    }

    private float[] Comparable(float[] values) => Chooses ? values : [.. values.Select(value => float.IsNaN(value) ? float.NaN : value)];
}

/// <summary>Operands on a device, each with a float before and behind it that belongs to nobody.</summary>
internal sealed class Operands(Device device) : IDisposable
{
    private const float Nobodys = 77;

    private readonly List<DeviceBuffer> _buffers = [];

    public Device Device => device;

    /// <summary>All floats of all operands after some ops, in the order in which they were made.</summary>
    public static float[] After(Device device, Action<Operands> run)
    {
        using Operands operands = new(device);
        run(operands);
        return [.. operands._buffers.SelectMany(device.Download)];
    }

    public View Of(ReadOnlySpan<float> values)
    {
        DeviceBuffer buffer = device.Upload([Nobodys, .. values, Nobodys]);
        _buffers.Add(buffer);
        return buffer.All.Slice(1, values.Length);
    }

    /// <summary>What an op has still to write.</summary>
    public View Unwritten(int length) => Of([.. Enumerable.Repeat(Nobodys, length)]);

    public View Random(int length, ulong seed, float low = -1, float high = 1) => Of(TestDevices.Random(length, seed, low, high));

    /// <summary>With NaNs of several kinds, infinities, zeros of both signs and the smallest and the largest floats.</summary>
    public View Wild(int length, ulong seed) => Of(SampleRows.Values(length, seed, wild: true));

    public View Values(int length, ulong seed, bool wild) => wild ? Wild(length, seed) : Random(length, seed);

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
    }
}
