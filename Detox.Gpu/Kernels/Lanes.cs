namespace Detox.Gpu.Kernels;

/// <summary>The vector operations of the passes over rows, so that a pass is written once for every width.</summary>
/// <remarks>The same operation gives the same bits at every width, a single float included: each is an IEEE operation
/// or an operation on integers. <typeparamref name="V"/> holds <see cref="Count"/> floats or, between
/// <see cref="ToOrder"/> and <see cref="FromOrder"/>, as many integers.</remarks>
internal interface ILanes<V>
    where V : unmanaged
{
    static abstract int Count { get; }

    static abstract V Zero { get; }

    static abstract V All(float value);

    static abstract unsafe V Load(float* from);

    static abstract unsafe void Store(V value, float* to);

    static abstract V Add(V a, V b);

    static abstract V Subtract(V a, V b);

    static abstract V Multiply(V a, V b);

    static abstract V Divide(V a, V b);

    /// <summary>a * b + c with one rounding.</summary>
    static abstract V FusedMultiplyAdd(V a, V b, V c);

    /// <summary>+1, -1 or, for a zero or a NaN, 0.</summary>
    static abstract V Sign(V a);

    /// <summary>Where a &lt; b, <paramref name="yes"/>, else <paramref name="no"/>; a NaN is less than nothing.</summary>
    static abstract V WhereLess(V a, V b, V yes, V no);

    /// <summary>The smaller of two numbers. Which of a number and a NaN, and of two zeros, is left open.</summary>
    static abstract V Smaller(V a, V b);

    /// <summary>The larger of two numbers; the same is left open.</summary>
    static abstract V Larger(V a, V b);

    /// <summary>Whether no value is an infinity or a NaN.</summary>
    static abstract bool AreFinite(V a);

    static abstract bool AnyZero(V a);

    /// <summary>Every NaN becomes the one positive quiet NaN.</summary>
    static abstract V CanonicalNaN(V a);

    /// <summary>Integers in the order of the floats: -inf, ..., -0, +0, ..., +inf, NaN (all NaNs are one).</summary>
    static abstract V ToOrder(V a);

    /// <summary>The floats of such integers.</summary>
    static abstract V FromOrder(V a);

    /// <summary>The smaller of two integers of <see cref="ToOrder"/>.</summary>
    static abstract V OrderMin(V a, V b);

    /// <summary>The larger of two integers of <see cref="ToOrder"/>.</summary>
    static abstract V OrderMax(V a, V b);
}
