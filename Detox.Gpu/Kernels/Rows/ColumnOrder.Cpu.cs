using System.Runtime.CompilerServices;

namespace Detox.Gpu.Kernels;

/// <summary>By what the values of columns are put in order.</summary>
internal interface IColumnOrder<V>
    where V : unmanaged
{
    /// <summary>What stands for floats while they are sorted.</summary>
    static abstract V Of(V floats);

    /// <summary>The floats again.</summary>
    static abstract V Floats(V sorted);

    static abstract V Min(V a, V b);

    static abstract V Max(V a, V b);

    /// <summary>What sorts behind every number.</summary>
    static abstract V Last { get; }
}

/// <summary>As integers: -inf, ..., -0, +0, ..., +inf, NaN.</summary>
internal readonly struct ExactOrder<TLanes, V> : IColumnOrder<V>
    where TLanes : struct, ILanes<V>
    where V : unmanaged
{
    public static V Last
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.All(BitConverter.Int32BitsToSingle(int.MaxValue));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of(V floats) => TLanes.ToOrder(floats);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Floats(V sorted) => TLanes.FromOrder(sorted);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Min(V a, V b) => TLanes.OrderMin(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Max(V a, V b) => TLanes.OrderMax(a, b);
}

/// <summary>As they are: the same order where all are numbers, but for zeros, of which it does not know one from the other. Processors compare floats at twice the rate of integers.</summary>
internal readonly struct NumberOrder<TLanes, V> : IColumnOrder<V>
    where TLanes : struct, ILanes<V>
    where V : unmanaged
{
    public static V Last
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.All(float.MaxValue);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of(V floats) => floats;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Floats(V sorted) => sorted;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Min(V a, V b) => TLanes.Smaller(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Max(V a, V b) => TLanes.Larger(a, b);
}
