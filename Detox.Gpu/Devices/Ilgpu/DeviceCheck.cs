using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices.Ilgpu;

/// <summary>Whether a device computes as the standard says: a few operations that those that do not get wrong, against their definition.</summary>
internal static class DeviceCheck
{
    private const int Channels = 8, Positions = 7;

    /// <exception cref="DeviceException">It has no denormal numbers, or rounds otherwise.</exception>
    public static void Run(IlgpuDevice device)
    {
        // Sums and products that are denormal, and quotients that are taken in double.
        float[] values = new float[Positions * Channels];
        for (int i = 0; i < values.Length; i++) values[i] = BitConverter.Int32BitsToSingle((i % Channels * 0x0410_0000) + (i * 0x0001_2345) + 1);
        Compare(device, "a sum", values, view => new Addition(view, view, view));
        Compare(device, "a product", values, view => new SgdStep(view.Slice(0, Channels), view.Slice(Channels, Channels), view.Slice(2 * Channels, Channels), 0.3f, 0.7f, 0.1f));
        Compare(device, "a square root", values, view => new BatchNormEvaluate(1, view.Slice(0, Channels), view.Slice(8, 1), view.Slice(9, 1), view.Slice(10, 2), null, view.Slice(16, Channels), Rectified: false));
        Compare(device, "a quotient", values, view => new AveragePoolForward(1, Positions - 1, Channels, view.Slice(0, (Positions - 1) * Channels), view.Slice((Positions - 1) * Channels, Channels)));
    }

    private static void Compare<TOp>(IlgpuDevice device, string what, float[] values, Func<View, TOp> op)
        where TOp : struct, IOp
    {
        using DeviceBuffer here = new CpuBuffer(values.Length), there = device.Allocate(values.Length);
        values.CopyTo(here.All.Floats);
        op(here.All).Reference();
        device.Write(values, there.All);
        device.Run(op(there.All));
        float[] found = new float[values.Length];
        device.Read(there.All, found);
        for (int i = 0; i < found.Length; i++)
        {
            float expected = here.All.Floats[i];
            if (BitConverter.SingleToInt32Bits(expected) != BitConverter.SingleToInt32Bits(found[i]))
                throw new DeviceException($"{device.Name} does not compute the bits that other devices do: {what} is {found[i]:R} where {expected:R} is right. It may have no denormal numbers, or no numbers of double precision. Take --device cpu.");
        }
    }
}
