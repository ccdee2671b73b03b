namespace Detox.Gpu.Kernels;

/// <summary>Floats as integers in the same order.</summary>
internal static class Order
{
    /// <summary>The bits that every NaN becomes.</summary>
    public const int NaN = 0x7FC00000;

    public static int Of(float value)
    {
        int bits = float.IsNaN(value) ? NaN : BitConverter.SingleToInt32Bits(value);
        return bits ^ ((bits >> 31) & int.MaxValue);
    }

    public static float ToFloat(int order) => BitConverter.Int32BitsToSingle(order ^ ((order >> 31) & int.MaxValue));

    public static float CanonicalNaN(float value) => float.IsNaN(value) ? BitConverter.Int32BitsToSingle(NaN) : value;
}
