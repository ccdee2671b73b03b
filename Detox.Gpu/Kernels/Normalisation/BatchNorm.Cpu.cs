using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class BatchNorm
{
    /// <summary>Rows in a piece that goes through the rows one after another.</summary>
    public const int Block = 256;

    /// <summary>The chunks' sums of each channel, added in their order.</summary>
    public static void Join(int channels, int chunks, float* sums, float* totals)
    {
        new Span<float>(totals, channels).Clear();
        for (int chunk = 0; chunk < chunks; chunk++, sums += channels)
            for (int c = 0; c < channels; c++) totals[c] += sums[c];
    }
}
