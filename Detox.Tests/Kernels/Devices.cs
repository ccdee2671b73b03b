using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Tests.Kernels;

/// <summary>The devices that every op is tested on: each vector width, one thread and several.</summary>
internal static class TestDevices
{
    public static IEnumerable<(int Lanes, int Threads)> All => [(16, 1), (8, 1), (8, 3), (4, 2), (1, 1)];

    public static CpuDevice Create((int Lanes, int Threads) form) => new(form.Threads) { NetworkLanes = form.Lanes };

    public static float[] Random(int length, ulong seed, float low = -1, float high = 1)
    {
        float[] values = new float[length];
        SeededRandom random = new(seed);
        foreach (ref float value in values.AsSpan()) value = random.NextFloat(low, high);
        return values;
    }

    public static DeviceBuffer Upload(this Device device, ReadOnlySpan<float> values)
    {
        DeviceBuffer buffer = device.Allocate(values.Length);
        device.Write(values, buffer.All);
        return buffer;
    }

    public static float[] Download(this Device device, DeviceBuffer buffer)
    {
        float[] values = new float[buffer.Length];
        device.Read(buffer.All, values);
        return values;
    }
}
