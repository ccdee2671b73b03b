namespace Detox.Tests.Ptx;

/// <summary>Floats: ISA, "Floating-Point Instructions".</summary>
/// <remarks>A NaN that a single-precision instruction makes is 7FFFFFFF whatever went in; one of double precision keeps the first
/// NaN operand, quiet, and is FFF8000000000000 where none went in. Kernels should not rest on either.</remarks>
internal static partial class InstructionSet
{
    private const uint NaN32 = 0x7FFFFFFF;
    private const ulong NaN64 = 0xFFF8_0000_0000_0000;
    private const ulong Quiet64 = 0x0008_0000_0000_0000;

    private static void AddFloats()
    {
        // Without a rounding it is .rn too. An assembler may then fuse a sum with a product, but not with one that has .rn.
        foreach (string rounding in (string[])[string.Empty, ".rn"])
        {
            Add($"add{rounding}.f32", "=f32 f32 f32", (a, b) => Bits(F(a) + F(b)));
            Add($"sub{rounding}.f32", "=f32 f32 f32", (a, b) => Bits(F(a) - F(b)));
            Add($"add{rounding}.f64", "=f64 f64 f64", (a, b) => Bits(D(a) + D(b), a, b));
            Add($"sub{rounding}.f64", "=f64 f64 f64", (a, b) => Bits(D(a) - D(b), a, b));
        }

        Add("mul.rn.f32", "=f32 f32 f32", (a, b) => Bits(F(a) * F(b)));
        Add("div.rn.f32", "=f32 f32 f32", (a, b) => Bits(F(a) / F(b)));
        Add("fma.rn.f32", "=f32 f32 f32 f32", (a, b, c) => Bits(MathF.FusedMultiplyAdd(F(a), F(b), F(c))));
        Add("rcp.rn.f32", "=f32 f32", a => Bits(1 / F(a)));
        Add("sqrt.rn.f32", "=f32 f32", a => Bits(MathF.Sqrt(F(a))));
        Add("neg.f32", "=f32 f32", a => a ^ 0x8000_0000);
        Add("abs.f32", "=f32 f32", a => a & 0x7FFF_FFFF);
        foreach (bool isMinimum in (bool[])[true, false])
        {
            string name = isMinimum ? "min" : "max";
            Add($"{name}.f32", "=f32 f32 f32", (a, b) => Extreme(F(a), F(b), a, b, isMinimum, NaN32));
            Add($"{name}.f64", "=f64 f64 f64", (a, b) => Extreme(D(a), D(b), a, b, isMinimum, NaN64));
            Add($"{name}.NaN.f32", "=f32 f32 f32", (a, b) => IsNaN32(a) || IsNaN32(b) ? NaN32 : Extreme(F(a), F(b), a, b, isMinimum, NaN32));
        }

        Add("mul.rn.f64", "=f64 f64 f64", (a, b) => Bits(D(a) * D(b), a, b));
        Add("div.rn.f64", "=f64 f64 f64", (a, b) => Bits(D(a) / D(b), a, b));
        Add("fma.rn.f64", "=f64 f64 f64 f64", (a, b, c) => Bits(Math.FusedMultiplyAdd(D(a), D(b), D(c)), a, IsNaN64(b) ? b : c));
        Add("rcp.rn.f64", "=f64 f64", a => Bits(1 / D(a), a, a));
        Add("sqrt.rn.f64", "=f64 f64", a => Bits(Math.Sqrt(D(a)), a, a));
        Add("neg.f64", "=f64 f64", a => a ^ (1ul << 63));
        Add("abs.f64", "=f64 f64", a => a & long.MaxValue);
    }

    private static float F(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    private static double D(ulong bits) => BitConverter.UInt64BitsToDouble(bits);

    private static bool IsNaN32(ulong bits) => float.IsNaN(F(bits));

    private static bool IsNaN64(ulong bits) => double.IsNaN(D(bits));

    private static ulong Bits(float value) => float.IsNaN(value) ? NaN32 : BitConverter.SingleToUInt32Bits(value);

    private static ulong Bits(double value, ulong a, ulong b)
        => !double.IsNaN(value) ? BitConverter.DoubleToUInt64Bits(value) : IsNaN64(a) ? a | Quiet64 : IsNaN64(b) ? b | Quiet64 : NaN64;

    // A NaN loses against a number, and -0 is less than +0.
    private static ulong Extreme(double a, double b, ulong aBits, ulong bBits, bool isMinimum, ulong nan)
    {
        if (double.IsNaN(a)) return double.IsNaN(b) ? nan : bBits;
        if (double.IsNaN(b)) return aBits;
        bool isLess = a < b || (a == b && double.IsNegative(a));
        return isLess == isMinimum ? aBits : bBits;
    }
}
