namespace Detox.Gpu;

/// <summary>A small seeded generator whose numbers are the same on every machine and in every release: SplitMix64.</summary>
/// <remarks>A generator belongs to one purpose: give each purpose its own key, so that drawing more numbers in one
/// place never shifts the numbers of another. Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
/// generators". It is for experiments, not for secrets.</remarks>
public struct SeededRandom
{
    private ulong _state;

    /// <summary>A generator for one purpose; keys in another order, or more of them, give another stream.</summary>
    public SeededRandom(ulong seed, params ReadOnlySpan<ulong> keys)
    {
        ulong state = Mix(seed + 0x9E3779B97F4A7C15);
        foreach (ulong key in keys) state = Mix((state ^ key) + 0x9E3779B97F4A7C15);
        _state = state;
    }

    /// <summary>64 uniform bits.</summary>
    public ulong NextBits() => Mix(_state += 0x9E3779B97F4A7C15);

    /// <summary>Uniform in [0, 1), a multiple of 2^-24.</summary>
    public float NextFloat() => (NextBits() >> 40) * (1f / (1 << 24));

    /// <summary>Uniform in [low, high).</summary>
    public float NextFloat(float low, float high) => low + ((high - low) * NextFloat());

    /// <summary>Normal, of mean 0 and deviation 1.</summary>
    /// <remarks>Ratio of uniforms (Kinderman, Monahan 1977, "Computer generation of random variables using the ratio of uniform deviates"): the logarithm decides
    /// only whether a pair is taken, so no processor's last bit of it reaches the result.</remarks>
    public double NextNormal()
    {
        const double widest = 0.8577638849607068; // sqrt(2 / e)
        while (true)
        {
            double u = 1 - NextDouble(), x = widest * ((2 * NextDouble()) - 1) / u;
            if (x * x <= -4 * Math.Log(u)) return x;
        }
    }

    /// <summary>Uniform in 0..bound-1, without bias. <paramref name="bound"/> must be positive.</summary>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        // Lemire's multiplication: the low half tells the few draws that would be unfair.
        ulong fair = (0ul - (ulong)bound) % (ulong)bound;
        while (true)
        {
            ulong high = Math.BigMul(NextBits(), (ulong)bound, out ulong low);
            if (low >= fair) return (int)high;
        }
    }

    /// <summary>Puts the values into a uniformly random order (Fisher-Yates).</summary>
    public void Shuffle<T>(Span<T> values)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    // Uniform in [0, 1), a multiple of 2^-53.
    private double NextDouble() => (NextBits() >> 11) * (1.0 / (1L << 53));

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
