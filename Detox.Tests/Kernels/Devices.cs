using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Tests.Ptx;
using NUnit.Framework;

namespace Detox.Tests.Kernels;

/// <summary>How a device is opened for tests.</summary>
/// <param name="Name">A fixture's argument.</param>
/// <param name="IsSlow">It only acts as a GPU: for tiny shapes.</param>
public sealed record DeviceForm(string Name, bool IsSlow, Func<Device> Open);

/// <summary>The devices that every op is tested on: each vector width, one thread and several.</summary>
internal static class TestDevices
{
    public static IEnumerable<(int Lanes, int Threads)> All => [(16, 1), (8, 1), (8, 3), (4, 2), (1, 1)];

    /// <summary>These, every kind of GPU, and the machine that runs PTX, as a fixture's argument.</summary>
    public static IEnumerable<TestFixtureData> Fixtures()
    {
        foreach ((int Lanes, int Threads) form in All) yield return Fixture(new($"Cpu, {form.Lanes} lanes, {form.Threads} threads", IsSlow: false, () => Create(form)));
        foreach (IlgpuKind kind in (IlgpuKind[])[IlgpuKind.OpenCl, IlgpuKind.Simulator, IlgpuKind.Cuda])
        {
            yield return Fixture(new(kind.ToString(), kind == IlgpuKind.Simulator, () =>
            {
                OpenCl.Require(kind);
                return IlgpuDevice.Open(kind, count => 0);
            }));
        }

        yield return Fixture(new("Ptx", IsSlow: true, () => OpenPtx(new PtxLauncher())));
    }

    /// <summary>The simulator's memory, with a launcher that runs its kernels as PTX.</summary>
    public static IlgpuDevice OpenPtx(ILauncher launcher) => IlgpuDevice.Open(IlgpuKind.Simulator, count => 0, launcher);

    public static CpuDevice Create((int Lanes, int Threads) form) => new(form.Threads) { Lanes = form.Lanes };

    public static float[] Random(int length, ulong seed, float low = -1, float high = 1)
    {
        float[] values = new float[length];
        SeededRandom random = new(seed);
        foreach (ref float value in values.AsSpan()) value = random.NextFloat(low, high);
        return values;
    }

    private static TestFixtureData Fixture(DeviceForm form) => new TestFixtureData(form).SetArgDisplayNames(form.Name);

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
