namespace Detox.Gpu.Kernels;

/// <summary>Floats as integers in the same order.</summary>
internal static class Order
{
    /// <summary>The bits that every NaN becomes.</summary>
    public const int NaN = 0x7FC00000;

    public static int Of(float value)
    {
        int bits = Portable.IsNaN(value) ? NaN : BitConverter.SingleToInt32Bits(value);
        return bits ^ ((bits >> 31) & int.MaxValue);
    }

    public static float ToFloat(int order) => BitConverter.Int32BitsToSingle(order ^ ((order >> 31) & int.MaxValue));

    /// <remarks>Chosen as an integer: a compiler that folds it into a NaN of its own writes other bits.</remarks>
    public static float CanonicalNaN(float value)
    {
        int bits = Portable.IsNaN(value) ? NaN : BitConverter.SingleToInt32Bits(value);
        return BitConverter.Int32BitsToSingle(bits);
    }
}
