namespace Detox.Gpu.Kernels;

/// <summary>exp and log from correctly rounded operations alone, so that they are the same bits everywhere, in kernels too.</summary>
/// <remarks>Both stay within 2 units in the last place of the exact value over the ranges that they state. Special cases are chosen at the
/// end: ILGPU takes the result of a <see cref="Portable"/> operation for the same in a whole group, and a branch by it for uniform.</remarks>
internal static class PortableMath
{
    private const float Log2E = 1.44269504f;

    // ln 2 in two parts; the first has trailing zeros, so its product with an exponent is exact.
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    // Adding and taking off 1.5 * 2^23 rounds to a whole number, ties to even.
    private const float Rounder = 12582912f;

    /// <summary>e^x; 0 below -87.3, where the result would be subnormal; +inf above 88.7; NaN for NaN.</summary>
    public static float Exp(float x)
    {
        float shifted = Portable.Add(Portable.Multiply(x, Log2E), Rounder);
        float n = shifted - Rounder;
        float r = Portable.Fma(-n, Ln2Low, Portable.Fma(-n, Ln2High, x));

        // The Taylor polynomial of degree 7: |r| <= ln(2)/2, so what is cut off is below 2^-27.
        float p = 1f / 5040;
        p = Portable.Fma(p, r, 1f / 720);
        p = Portable.Fma(p, r, 1f / 120);
        p = Portable.Fma(p, r, 1f / 24);
        p = Portable.Fma(p, r, 1f / 6);
        p = Portable.Fma(p, r, 0.5f);
        p = Portable.Fma(p, r, 1f);
        p = Portable.Fma(p, r, 1f);

        // 2^n in two factors: n may be 128, whose power is no float.
        int exponent = (int)n, half = exponent >> 1;
        float power = Portable.Multiply(Portable.Multiply(p, Power(half)), Power(exponent - half));
        power = Portable.Less(x, -87.3f) ? 0 : power;
        power = Portable.Less(88.7f, x) ? float.PositiveInfinity : power;
        return Portable.IsNaN(x) ? x : power;
    }

    /// <summary>The natural logarithm of a positive normal float; NaN for NaN and for what is negative; -inf for 0 and for subnormal floats.</summary>
    public static float Log(float x)
    {
        int bits = BitConverter.SingleToInt32Bits(x);

        // x = 2^n * m with m in [sqrt(1/2), sqrt(2)); then log m = 2 atanh(s), s = (m - 1) / (m + 1).
        int n = (bits - 0x3F3504F3) >> 23;
        float m = BitConverter.Int32BitsToSingle((bits - (n << 23)));
        float f = m - 1;
        float s = Portable.Divide(f, f + 2);
        float z = Portable.Multiply(s, s);
        float p = 2f / 11;
        p = Portable.Fma(p, z, 2f / 9);
        p = Portable.Fma(p, z, 2f / 7);
        p = Portable.Fma(p, z, 2f / 5);
        p = Portable.Fma(p, z, 2f / 3);

        // 2 s = f - s f, so log m = f - s (f - z p): the large part f is exact.
        float low = Portable.Multiply(s, Portable.Fma(-z, p, f));
        float exponent = n;
        low = Portable.Fma(exponent, Ln2Low, -low);
        float log = Portable.Fma(exponent, Ln2High, f + low);
        log = Portable.Less(x, 1.17549435e-38f) ? float.NegativeInfinity : log;
        log = Portable.IsFinite(x) ? log : x;
        return Portable.IsNaN(x) | Portable.Less(x, 0) ? float.NaN : log;
    }

    private static float Power(int exponent) => BitConverter.Int32BitsToSingle(((exponent + 127) << 23));
}
