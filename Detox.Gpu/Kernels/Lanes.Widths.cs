using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Detox.Gpu.Kernels;

internal readonly struct Lanes512 : ILanes<Vector512<float>>
{
    public static int Count => 16;

    public static Vector512<float> Zero => Vector512<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> All(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector512<float> Load(float* from) => Vector512.Load(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Store(Vector512<float> value, float* to) => value.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> FusedMultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c)
        => Vector512.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sign(Vector512<float> a)
        => (Vector512.GreaterThan(a, Zero) & Vector512.Create(1f)) | (Vector512.LessThan(a, Zero) & Vector512.Create(-1f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> WhereLess(Vector512<float> a, Vector512<float> b, Vector512<float> yes, Vector512<float> no)
        => Vector512.ConditionalSelect(Vector512.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Smaller(Vector512<float> a, Vector512<float> b) => Vector512.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Larger(Vector512<float> a, Vector512<float> b) => Vector512.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreFinite(Vector512<float> a) => Vector512.EqualsAll(a - a, Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyZero(Vector512<float> a) => Vector512.EqualsAny(a, Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> CanonicalNaN(Vector512<float> a)
        => Vector512.ConditionalSelect(Vector512.Equals(a, a), a, Vector512.Create(Order.NaN).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToOrder(Vector512<float> a) => FromOrder(CanonicalNaN(a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> FromOrder(Vector512<float> a)
    {
        Vector512<int> bits = a.AsInt32();
        return (bits ^ (Vector512.ShiftRightArithmetic(bits, 31) & Vector512.Create(int.MaxValue))).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> OrderMin(Vector512<float> a, Vector512<float> b)
        => Vector512.Min(a.AsInt32(), b.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> OrderMax(Vector512<float> a, Vector512<float> b)
        => Vector512.Max(a.AsInt32(), b.AsInt32()).AsSingle();
}

internal readonly struct Lanes256 : ILanes<Vector256<float>>
{
    public static int Count => 8;

    public static Vector256<float> Zero => Vector256<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> All(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector256<float> Load(float* from) => Vector256.Load(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Store(Vector256<float> value, float* to) => value.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> FusedMultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c)
        => Vector256.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sign(Vector256<float> a)
        => (Vector256.GreaterThan(a, Zero) & Vector256.Create(1f)) | (Vector256.LessThan(a, Zero) & Vector256.Create(-1f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> WhereLess(Vector256<float> a, Vector256<float> b, Vector256<float> yes, Vector256<float> no)
        => Vector256.ConditionalSelect(Vector256.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Smaller(Vector256<float> a, Vector256<float> b) => Vector256.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Larger(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreFinite(Vector256<float> a) => Vector256.EqualsAll(a - a, Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyZero(Vector256<float> a) => Vector256.EqualsAny(a, Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> CanonicalNaN(Vector256<float> a)
        => Vector256.ConditionalSelect(Vector256.Equals(a, a), a, Vector256.Create(Order.NaN).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToOrder(Vector256<float> a) => FromOrder(CanonicalNaN(a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> FromOrder(Vector256<float> a)
    {
        Vector256<int> bits = a.AsInt32();
        return (bits ^ (Vector256.ShiftRightArithmetic(bits, 31) & Vector256.Create(int.MaxValue))).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> OrderMin(Vector256<float> a, Vector256<float> b)
        => Vector256.Min(a.AsInt32(), b.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> OrderMax(Vector256<float> a, Vector256<float> b)
        => Vector256.Max(a.AsInt32(), b.AsInt32()).AsSingle();
}

internal readonly struct Lanes128 : ILanes<Vector128<float>>
{
    public static int Count => 4;

    public static Vector128<float> Zero => Vector128<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> All(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector128<float> Load(float* from) => Vector128.Load(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Store(Vector128<float> value, float* to) => value.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> FusedMultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c)
        => Vector128.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sign(Vector128<float> a)
        => (Vector128.GreaterThan(a, Zero) & Vector128.Create(1f)) | (Vector128.LessThan(a, Zero) & Vector128.Create(-1f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> WhereLess(Vector128<float> a, Vector128<float> b, Vector128<float> yes, Vector128<float> no)
        => Vector128.ConditionalSelect(Vector128.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Smaller(Vector128<float> a, Vector128<float> b) => Vector128.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Larger(Vector128<float> a, Vector128<float> b) => Vector128.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreFinite(Vector128<float> a) => Vector128.EqualsAll(a - a, Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyZero(Vector128<float> a) => Vector128.EqualsAny(a, Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> CanonicalNaN(Vector128<float> a)
        => Vector128.ConditionalSelect(Vector128.Equals(a, a), a, Vector128.Create(Order.NaN).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ToOrder(Vector128<float> a) => FromOrder(CanonicalNaN(a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> FromOrder(Vector128<float> a)
    {
        Vector128<int> bits = a.AsInt32();
        return (bits ^ (Vector128.ShiftRightArithmetic(bits, 31) & Vector128.Create(int.MaxValue))).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> OrderMin(Vector128<float> a, Vector128<float> b)
        => Vector128.Min(a.AsInt32(), b.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> OrderMax(Vector128<float> a, Vector128<float> b)
        => Vector128.Max(a.AsInt32(), b.AsInt32()).AsSingle();
}

internal readonly struct Lanes32 : ILanes<float>
{
    public static int Count => 1;

    public static float Zero => 0;

    public static float All(float value) => value;

    public static unsafe float Load(float* from) => *from;

    public static unsafe void Store(float value, float* to) => *to = value;

    public static float Add(float a, float b) => a + b;

    public static float Subtract(float a, float b) => a - b;

    public static float Multiply(float a, float b) => a * b;

    public static float Divide(float a, float b) => a / b;

    public static float FusedMultiplyAdd(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    public static float Sign(float a) => a > 0 ? 1f : a < 0 ? -1f : 0f;

    public static float WhereLess(float a, float b, float yes, float no) => a < b ? yes : no;

    public static float Smaller(float a, float b) => a < b ? a : b;

    public static float Larger(float a, float b) => a > b ? a : b;

    public static bool AreFinite(float a) => float.IsFinite(a);

    public static bool AnyZero(float a) => a == 0;

    public static float CanonicalNaN(float a) => Order.CanonicalNaN(a);

    // Integers travel as floats here, some with the bits of a NaN; moves, loads and stores keep every bit.
    public static float ToOrder(float a) => BitConverter.Int32BitsToSingle(Order.Of(a));

    public static float FromOrder(float a) => Order.ToFloat(BitConverter.SingleToInt32Bits(a));

    public static float OrderMin(float a, float b)
        => BitConverter.Int32BitsToSingle(Math.Min(BitConverter.SingleToInt32Bits(a), BitConverter.SingleToInt32Bits(b)));

    public static float OrderMax(float a, float b)
        => BitConverter.Int32BitsToSingle(Math.Max(BitConverter.SingleToInt32Bits(a), BitConverter.SingleToInt32Bits(b)));
}
