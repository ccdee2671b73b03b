using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly partial record struct FmaChains
{
    /// <summary>Chains of a thread, which hide each other's latency. They lie side by side: a CPU's compiler makes vectors of them.</summary>
    public const int ThreadChains = 32;

    // One thread 32 values.
    internal readonly struct Thread(int rounds, ArrayView<float> values) : IThread
    {
        public void Run(long i)
        {
            long at = i * ThreadChains;
            Eight a = new(values, at), b = new(values, at + 8), c = new(values, at + 16), d = new(values, at + 24);
            for (int round = 0; round < rounds; round++)
            {
                a = a.Next();
                b = b.Next();
                c = c.Next();
                d = d.Next();
            }

            a.Store(values, at);
            b.Store(values, at + 8);
            c.Store(values, at + 16);
            d.Store(values, at + 24);
        }
    }

    private readonly struct Eight(float a, float b, float c, float d, float e, float f, float g, float h)
    {
        public Eight(ArrayView<float> values, long at)
            : this(values[at], values[at + 1], values[at + 2], values[at + 3], values[at + 4], values[at + 5], values[at + 6], values[at + 7])
        {
        }

        public Eight Next() => new(Next(a), Next(b), Next(c), Next(d), Next(e), Next(f), Next(g), Next(h));

        public void Store(ArrayView<float> values, long at)
        {
            values[at] = a;
            values[at + 1] = b;
            values[at + 2] = c;
            values[at + 3] = d;
            values[at + 4] = e;
            values[at + 5] = f;
            values[at + 6] = g;
            values[at + 7] = h;
        }

        private static float Next(float value) => Portable.Fma(value, Factor, Summand);
    }
}
