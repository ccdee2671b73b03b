using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class FmaChains
{
    /// <summary>Chains of a thread, which hide each other's latency.</summary>
    public const int ThreadChains = 8;

    /// <summary>One thread eight values, a stride apart.</summary>
    internal static void Kernel(Index1D i, int stride, int rounds, ArrayView<float> values)
    {
        float a = values[i], b = values[i + stride], c = values[i + (2 * stride)], d = values[i + (3 * stride)];
        float e = values[i + (4 * stride)], f = values[i + (5 * stride)], g = values[i + (6 * stride)], h = values[i + (7 * stride)];
        for (int round = 0; round < rounds; round++)
        {
            a = Portable.Fma(a, Factor, Summand);
            b = Portable.Fma(b, Factor, Summand);
            c = Portable.Fma(c, Factor, Summand);
            d = Portable.Fma(d, Factor, Summand);
            e = Portable.Fma(e, Factor, Summand);
            f = Portable.Fma(f, Factor, Summand);
            g = Portable.Fma(g, Factor, Summand);
            h = Portable.Fma(h, Factor, Summand);
        }

        values[i] = a;
        values[i + stride] = b;
        values[i + (2 * stride)] = c;
        values[i + (3 * stride)] = d;
        values[i + (4 * stride)] = e;
        values[i + (5 * stride)] = f;
        values[i + (6 * stride)] = g;
        values[i + (7 * stride)] = h;
    }
}
