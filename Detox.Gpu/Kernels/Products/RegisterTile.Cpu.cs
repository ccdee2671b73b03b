using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;

namespace Detox.Gpu.Kernels;

/// <summary>Where the terms of a sum lie behind a row's pointer: runs of equally spaced floats.</summary>
internal unsafe struct Terms
{
    /// <summary>Where each run starts, in floats from the row's pointer.</summary>
    public long* Offsets;

    public int* Lengths;

    public int Runs;

    /// <summary>Floats from one term to the next within a run.</summary>
    public long Step;
}

/// <summary>Vectors of sums in registers: rows read term by term, times a panel of columns.</summary>
/// <remarks>A sum is one chain of fused multiply-adds over the terms in order, whatever the tile is. A panel has the columns of one
/// term side by side, one, two or three vectors wide; the tile is then 12, 6 or 4 rows high. Twelve sums hide the
/// latency of the multiply-add on processors of 16 registers. Those of 32 hold 8 rows, which halves what the caches deliver for a product.</remarks>
internal static unsafe partial class RegisterTile<TLanes, V>
    where TLanes : struct, ILanes<V>
    where V : unmanaged
{
    /// <summary>The most floats of a tile.</summary>
    public const int MostFloats = 24 * 16;

    private static bool IsTall => TLanes.Count == 16 || AdvSimd.Arm64.IsSupported;

    /// <summary>The rows of a tile over a panel of so many vectors.</summary>
    public static int Height(int vectors) => IsTall && vectors > 1 ? 8 : 12 / vectors;

    /// <summary>result[row][column] = the sums of Height(vectors) rows.</summary>
    /// <param name="goesOn">Whether the chains go on from what result holds, instead of from +0.</param>
    public static void Multiply(float** rows, Terms* terms, float* panel, int vectors, float* result, bool goesOn = false)
    {
        switch (vectors)
        {
            case 3 when IsTall: TallWide(rows, terms, panel, result, goesOn); break;
            case 2 when IsTall: TallMiddle(rows, terms, panel, result, goesOn); break;
            case 3: Wide(rows, terms, panel, result, goesOn); break;
            case 2: Middle(rows, terms, panel, result, goesOn); break;
            default: Narrow(rows, terms, panel, result, goesOn); break;
        }
    }

    private static void Wide(float** rows, Terms* terms, float* panel, float* result, bool goesOn)
    {
        V s00 = TLanes.Zero, s01 = s00, s02 = s00;
        V s10 = s00, s11 = s00, s12 = s00;
        V s20 = s00, s21 = s00, s22 = s00;
        V s30 = s00, s31 = s00, s32 = s00;
        if (goesOn)
        {
            s00 = TLanes.Load(result);
            s01 = TLanes.Load(result + TLanes.Count);
            s02 = TLanes.Load(result + (2 * TLanes.Count));
            s10 = TLanes.Load(result + (3 * TLanes.Count));
            s11 = TLanes.Load(result + (4 * TLanes.Count));
            s12 = TLanes.Load(result + (5 * TLanes.Count));
            s20 = TLanes.Load(result + (6 * TLanes.Count));
            s21 = TLanes.Load(result + (7 * TLanes.Count));
            s22 = TLanes.Load(result + (8 * TLanes.Count));
            s30 = TLanes.Load(result + (9 * TLanes.Count));
            s31 = TLanes.Load(result + (10 * TLanes.Count));
            s32 = TLanes.Load(result + (11 * TLanes.Count));
        }

        int runs = terms->Runs;
        nint step = (nint)terms->Step;
        for (int run = 0; run < runs; run++)
        {
            long offset = terms->Offsets[run];
            float* r0 = rows[0] + offset;
            float* r1 = rows[1] + offset;
            float* r2 = rows[2] + offset;
            float* r3 = rows[3] + offset;
            nint at = 0;
            for (int i = terms->Lengths[run]; i > 0; i--)
            {
                V b0 = TLanes.Load(panel), b1 = TLanes.Load(panel + TLanes.Count), b2 = TLanes.Load(panel + (2 * TLanes.Count));
                V a = TLanes.All(r0[at]);
                s00 = TLanes.FusedMultiplyAdd(a, b0, s00);
                s01 = TLanes.FusedMultiplyAdd(a, b1, s01);
                s02 = TLanes.FusedMultiplyAdd(a, b2, s02);
                a = TLanes.All(r1[at]);
                s10 = TLanes.FusedMultiplyAdd(a, b0, s10);
                s11 = TLanes.FusedMultiplyAdd(a, b1, s11);
                s12 = TLanes.FusedMultiplyAdd(a, b2, s12);
                a = TLanes.All(r2[at]);
                s20 = TLanes.FusedMultiplyAdd(a, b0, s20);
                s21 = TLanes.FusedMultiplyAdd(a, b1, s21);
                s22 = TLanes.FusedMultiplyAdd(a, b2, s22);
                a = TLanes.All(r3[at]);
                s30 = TLanes.FusedMultiplyAdd(a, b0, s30);
                s31 = TLanes.FusedMultiplyAdd(a, b1, s31);
                s32 = TLanes.FusedMultiplyAdd(a, b2, s32);
                panel += 3 * TLanes.Count;
                at += step;
            }
        }

        Store3(result, 0, s00, s01, s02);
        Store3(result, 1, s10, s11, s12);
        Store3(result, 2, s20, s21, s22);
        Store3(result, 3, s30, s31, s32);
    }

    private static void Middle(float** rows, Terms* terms, float* panel, float* result, bool goesOn)
    {
        V s00 = TLanes.Zero, s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00;
        V s30 = s00, s31 = s00, s40 = s00, s41 = s00, s50 = s00, s51 = s00;
        if (goesOn)
        {
            s00 = TLanes.Load(result);
            s01 = TLanes.Load(result + TLanes.Count);
            s10 = TLanes.Load(result + (2 * TLanes.Count));
            s11 = TLanes.Load(result + (3 * TLanes.Count));
            s20 = TLanes.Load(result + (4 * TLanes.Count));
            s21 = TLanes.Load(result + (5 * TLanes.Count));
            s30 = TLanes.Load(result + (6 * TLanes.Count));
            s31 = TLanes.Load(result + (7 * TLanes.Count));
            s40 = TLanes.Load(result + (8 * TLanes.Count));
            s41 = TLanes.Load(result + (9 * TLanes.Count));
            s50 = TLanes.Load(result + (10 * TLanes.Count));
            s51 = TLanes.Load(result + (11 * TLanes.Count));
        }

        int runs = terms->Runs;
        nint step = (nint)terms->Step;
        for (int run = 0; run < runs; run++)
        {
            long offset = terms->Offsets[run];
            float* r0 = rows[0] + offset;
            float* r1 = rows[1] + offset;
            float* r2 = rows[2] + offset;
            float* r3 = rows[3] + offset;
            float* r4 = rows[4] + offset;
            float* r5 = rows[5] + offset;
            nint at = 0;
            for (int i = terms->Lengths[run]; i > 0; i--)
            {
                V b0 = TLanes.Load(panel), b1 = TLanes.Load(panel + TLanes.Count);
                V a = TLanes.All(r0[at]);
                s00 = TLanes.FusedMultiplyAdd(a, b0, s00);
                s01 = TLanes.FusedMultiplyAdd(a, b1, s01);
                a = TLanes.All(r1[at]);
                s10 = TLanes.FusedMultiplyAdd(a, b0, s10);
                s11 = TLanes.FusedMultiplyAdd(a, b1, s11);
                a = TLanes.All(r2[at]);
                s20 = TLanes.FusedMultiplyAdd(a, b0, s20);
                s21 = TLanes.FusedMultiplyAdd(a, b1, s21);
                a = TLanes.All(r3[at]);
                s30 = TLanes.FusedMultiplyAdd(a, b0, s30);
                s31 = TLanes.FusedMultiplyAdd(a, b1, s31);
                a = TLanes.All(r4[at]);
                s40 = TLanes.FusedMultiplyAdd(a, b0, s40);
                s41 = TLanes.FusedMultiplyAdd(a, b1, s41);
                a = TLanes.All(r5[at]);
                s50 = TLanes.FusedMultiplyAdd(a, b0, s50);
                s51 = TLanes.FusedMultiplyAdd(a, b1, s51);
                panel += 2 * TLanes.Count;
                at += step;
            }
        }

        Store2(result, 0, s00, s01);
        Store2(result, 1, s10, s11);
        Store2(result, 2, s20, s21);
        Store2(result, 3, s30, s31);
        Store2(result, 4, s40, s41);
        Store2(result, 5, s50, s51);
    }

    private static void Narrow(float** rows, Terms* terms, float* panel, float* result, bool goesOn)
    {
        V s0 = TLanes.Zero, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, s8 = s0, s9 = s0, s10 = s0, s11 = s0;
        if (goesOn)
        {
            s0 = TLanes.Load(result);
            s1 = TLanes.Load(result + TLanes.Count);
            s2 = TLanes.Load(result + (2 * TLanes.Count));
            s3 = TLanes.Load(result + (3 * TLanes.Count));
            s4 = TLanes.Load(result + (4 * TLanes.Count));
            s5 = TLanes.Load(result + (5 * TLanes.Count));
            s6 = TLanes.Load(result + (6 * TLanes.Count));
            s7 = TLanes.Load(result + (7 * TLanes.Count));
            s8 = TLanes.Load(result + (8 * TLanes.Count));
            s9 = TLanes.Load(result + (9 * TLanes.Count));
            s10 = TLanes.Load(result + (10 * TLanes.Count));
            s11 = TLanes.Load(result + (11 * TLanes.Count));
        }

        int runs = terms->Runs;
        nint step = (nint)terms->Step;
        for (int run = 0; run < runs; run++)
        {
            nint at = (nint)terms->Offsets[run];
            for (int i = terms->Lengths[run]; i > 0; i--)
            {
                V b = TLanes.Load(panel);
                s0 = TLanes.FusedMultiplyAdd(TLanes.All(rows[0][at]), b, s0);
                s1 = TLanes.FusedMultiplyAdd(TLanes.All(rows[1][at]), b, s1);
                s2 = TLanes.FusedMultiplyAdd(TLanes.All(rows[2][at]), b, s2);
                s3 = TLanes.FusedMultiplyAdd(TLanes.All(rows[3][at]), b, s3);
                s4 = TLanes.FusedMultiplyAdd(TLanes.All(rows[4][at]), b, s4);
                s5 = TLanes.FusedMultiplyAdd(TLanes.All(rows[5][at]), b, s5);
                s6 = TLanes.FusedMultiplyAdd(TLanes.All(rows[6][at]), b, s6);
                s7 = TLanes.FusedMultiplyAdd(TLanes.All(rows[7][at]), b, s7);
                s8 = TLanes.FusedMultiplyAdd(TLanes.All(rows[8][at]), b, s8);
                s9 = TLanes.FusedMultiplyAdd(TLanes.All(rows[9][at]), b, s9);
                s10 = TLanes.FusedMultiplyAdd(TLanes.All(rows[10][at]), b, s10);
                s11 = TLanes.FusedMultiplyAdd(TLanes.All(rows[11][at]), b, s11);
                panel += TLanes.Count;
                at += step;
            }
        }

        Store2(result, 0, s0, s1);
        Store2(result, 1, s2, s3);
        Store2(result, 2, s4, s5);
        Store2(result, 3, s6, s7);
        Store2(result, 4, s8, s9);
        Store2(result, 5, s10, s11);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store3(float* result, int row, V a, V b, V c)
    {
        float* to = result + (row * 3 * TLanes.Count);
        TLanes.Store(a, to);
        TLanes.Store(b, to + TLanes.Count);
        TLanes.Store(c, to + (2 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store2(float* result, int pair, V a, V b)
    {
        float* to = result + (pair * 2 * TLanes.Count);
        TLanes.Store(a, to);
        TLanes.Store(b, to + TLanes.Count);
    }
}
