using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>Sums of a long reduction's chunks, one chunk's after another, until they are added in their order.</summary>
internal static class ChunkSums
{
    /// <summary>For the chunks of products: one product runs after another.</summary>
    public static readonly Scratch<float> Memory = new();

    /// <summary>Where the chunks' sums go; that of a single chunk goes where the total is wanted.</summary>
    public static ArrayView<float> Room(IlgpuDevice device, Scratch<float> memory, int chunks, ArrayView<float> total)
        => chunks == 1 ? total : device.Room(memory, chunks * total.Length);

    public static void Add(IlgpuDevice device, int chunks, ArrayView<float> sums, ArrayView<float> total)
    {
        if (chunks > 1) device.Each(total.Length, new Adder(chunks, sums, total));
    }

    // One thread a sum.
    internal readonly struct Adder(int chunks, ArrayView<float> sums, ArrayView<float> total) : IThread
    {
        public void Run(long at)
        {
            float sum = sums[at];
            long from = at;
            for (int chunk = 1; chunk < chunks; chunk++)
            {
                from += total.Length;
                sum = Portable.Add(sum, sums[from]);
            }

            total[at] = sum;
        }
    }
}
