using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Detox.Gpu.Kernels;

// Columns are loaded four words at a time: four vectors of four words of every fourth place are transposed within each 128 bits. Rotations by whole
// bytes are shuffles where there is no instruction that rotates.
internal readonly unsafe struct WordLanes512 : IWordLanes<Vector512<uint>>
{
    public static int Count => 16;

    public static Vector512<uint> Numbers => Vector512<uint>.Indices;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> All(uint value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Add(Vector512<uint> a, Vector512<uint> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Xor(Vector512<uint> a, Vector512<uint> b) => a ^ b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> And(Vector512<uint> a, Vector512<uint> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Max(Vector512<uint> a, Vector512<uint> b) => Vector512.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RotateRight(Vector512<uint> a, [ConstantExpected] byte bits)
        => Avx512F.IsSupported ? Avx512F.RotateRight(a, bits) : (a >> bits) | (a << (32 - bits));

    public static void LoadColumns(uint* from, long stride, Vector512<uint>* columns)
    {
        for (int word = 0; word < 16; word += 4, from += 4, columns += 4)
        {
            Vector512<uint> a = Load(from, 4 * stride), b = Load(from + stride, 4 * stride), c = Load(from + (2 * stride), 4 * stride), d = Load(from + (3 * stride), 4 * stride);
            Vector512<uint> acLow = ZipLow(a, c), acHigh = ZipHigh(a, c), bdLow = ZipLow(b, d), bdHigh = ZipHigh(b, d);
            columns[0] = ZipLow(acLow, bdLow);
            columns[1] = ZipHigh(acLow, bdLow);
            columns[2] = ZipLow(acHigh, bdHigh);
            columns[3] = ZipHigh(acHigh, bdHigh);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Load(uint* from, long stride)
        => Vector512.Create(WordLanes256.Load(from, stride), WordLanes256.Load(from + (2 * stride), stride));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> ZipLow(Vector512<uint> a, Vector512<uint> b) => Avx512F.IsSupported ? Avx512F.UnpackLow(a, b)
        : Vector512.Create(WordLanes256.ZipLow(a.GetLower(), b.GetLower()), WordLanes256.ZipLow(a.GetUpper(), b.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> ZipHigh(Vector512<uint> a, Vector512<uint> b) => Avx512F.IsSupported ? Avx512F.UnpackHigh(a, b)
        : Vector512.Create(WordLanes256.ZipHigh(a.GetLower(), b.GetLower()), WordLanes256.ZipHigh(a.GetUpper(), b.GetUpper()));
}

internal readonly unsafe struct WordLanes256 : IWordLanes<Vector256<uint>>
{
    public static int Count => 8;

    public static Vector256<uint> Numbers => Vector256<uint>.Indices;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> All(uint value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Add(Vector256<uint> a, Vector256<uint> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Xor(Vector256<uint> a, Vector256<uint> b) => a ^ b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> And(Vector256<uint> a, Vector256<uint> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Max(Vector256<uint> a, Vector256<uint> b) => Vector256.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> RotateRight(Vector256<uint> a, [ConstantExpected] byte bits)
    {
        if (Avx512F.VL.IsSupported) return Avx512F.VL.RotateRight(a, bits);
        if (Avx2.IsSupported && bits is 8 or 16) return Avx2.Shuffle(a.AsByte(), Vector256.Create(WordLanes128.RotatedBytes(bits))).AsUInt32();
        return (a >> bits) | (a << (32 - bits));
    }

    public static void LoadColumns(uint* from, long stride, Vector256<uint>* columns)
    {
        for (int word = 0; word < 16; word += 4, from += 4, columns += 4)
        {
            Vector256<uint> a = Load(from, 4 * stride), b = Load(from + stride, 4 * stride), c = Load(from + (2 * stride), 4 * stride), d = Load(from + (3 * stride), 4 * stride);
            Vector256<uint> acLow = ZipLow(a, c), acHigh = ZipHigh(a, c), bdLow = ZipLow(b, d), bdHigh = ZipHigh(b, d);
            columns[0] = ZipLow(acLow, bdLow);
            columns[1] = ZipHigh(acLow, bdLow);
            columns[2] = ZipLow(acHigh, bdHigh);
            columns[3] = ZipHigh(acHigh, bdHigh);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Load(uint* from, long stride) => Vector256.Create(Vector128.Load(from), Vector128.Load(from + stride));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ZipLow(Vector256<uint> a, Vector256<uint> b) => Avx2.IsSupported ? Avx2.UnpackLow(a, b)
        : Vector256.Create(WordLanes128.ZipLow(a.GetLower(), b.GetLower()), WordLanes128.ZipLow(a.GetUpper(), b.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ZipHigh(Vector256<uint> a, Vector256<uint> b) => Avx2.IsSupported ? Avx2.UnpackHigh(a, b)
        : Vector256.Create(WordLanes128.ZipHigh(a.GetLower(), b.GetLower()), WordLanes128.ZipHigh(a.GetUpper(), b.GetUpper()));
}

internal readonly unsafe struct WordLanes128 : IWordLanes<Vector128<uint>>
{
    public static int Count => 4;

    public static Vector128<uint> Numbers => Vector128<uint>.Indices;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> All(uint value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Add(Vector128<uint> a, Vector128<uint> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Xor(Vector128<uint> a, Vector128<uint> b) => a ^ b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> And(Vector128<uint> a, Vector128<uint> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Max(Vector128<uint> a, Vector128<uint> b) => Vector128.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> RotateRight(Vector128<uint> a, [ConstantExpected] byte bits)
    {
        if (Avx512F.VL.IsSupported) return Avx512F.VL.RotateRight(a, bits);
        if (Ssse3.IsSupported && bits is 8 or 16) return Ssse3.Shuffle(a.AsByte(), RotatedBytes(bits)).AsUInt32();
        return (a >> bits) | (a << (32 - bits));
    }

    public static void LoadColumns(uint* from, long stride, Vector128<uint>* columns)
    {
        for (int word = 0; word < 16; word += 4, from += 4, columns += 4)
        {
            Vector128<uint> a = Vector128.Load(from), b = Vector128.Load(from + stride), c = Vector128.Load(from + (2 * stride)), d = Vector128.Load(from + (3 * stride));
            Vector128<uint> acLow = ZipLow(a, c), acHigh = ZipHigh(a, c), bdLow = ZipLow(b, d), bdHigh = ZipHigh(b, d);
            columns[0] = ZipLow(acLow, bdLow);
            columns[1] = ZipHigh(acLow, bdLow);
            columns[2] = ZipLow(acHigh, bdHigh);
            columns[3] = ZipHigh(acHigh, bdHigh);
        }
    }

    /// <summary>Where the bytes of words come from that are rotated by 8 or 16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> RotatedBytes(int bits) => bits == 8
        ? Vector128.Create((byte)1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)
        : Vector128.Create((byte)2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> ZipLow(Vector128<uint> a, Vector128<uint> b)
    {
        if (Sse2.IsSupported) return Sse2.UnpackLow(a, b);
        return AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b) : Vector128.Create(a[0], b[0], a[1], b[1]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> ZipHigh(Vector128<uint> a, Vector128<uint> b)
    {
        if (Sse2.IsSupported) return Sse2.UnpackHigh(a, b);
        return AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b) : Vector128.Create(a[2], b[2], a[3], b[3]);
    }
}

/// <summary>One word at a time.</summary>
internal readonly unsafe struct WordLanes32 : IWordLanes<uint>
{
    public static int Count => 1;

    public static uint Numbers => 0;

    public static uint All(uint value) => value;

    public static uint Add(uint a, uint b) => a + b;

    public static uint Xor(uint a, uint b) => a ^ b;

    public static uint And(uint a, uint b) => a & b;

    public static uint Max(uint a, uint b) => Math.Max(a, b);

    public static uint RotateRight(uint a, [ConstantExpected] byte bits) => BitOperations.RotateRight(a, bits);

    public static void LoadColumns(uint* from, long stride, uint* columns)
    {
        for (int word = 0; word < 16; word++) columns[word] = from[word];
    }
}
