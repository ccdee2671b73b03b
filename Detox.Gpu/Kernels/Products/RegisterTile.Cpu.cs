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

    /// <summary>Floats from one term to the next in the panel, which knows no runs.</summary>
    public long PanelStep;
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

    /// <summary>result[row][column] = the sums of rows: of <paramref name="count"/> at least, and of Height(vectors) at most.</summary>
    /// <param name="pitch">Floats from one row of the result to the next.</param>
    /// <param name="goesOn">Whether the chains go on from what result holds, instead of from +0.</param>
    public static void Multiply(float** rows, int count, Terms* terms, float* panel, int vectors, float* result, nint pitch, bool goesOn = false)
    {
        switch (vectors)
        {
            case 3 when IsTall && count > 4: TallWide(rows, terms, panel, result, pitch, goesOn); break;
            case 2 when IsTall && count > 6: TallMiddle(rows, terms, panel, result, pitch, goesOn); break;
            case 3: Wide(rows, terms, panel, result, pitch, goesOn); break;
            case 2: Middle(rows, terms, panel, result, pitch, goesOn); break;
            default: Narrow(rows, terms, panel, result, pitch, goesOn); break;
        }
    }

    private static void Wide(float** rows, Terms* terms, float* panel, float* result, nint pitch, bool goesOn)
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
            s10 = TLanes.Load(result + pitch);
            s11 = TLanes.Load(result + pitch + TLanes.Count);
            s12 = TLanes.Load(result + pitch + (2 * TLanes.Count));
            s20 = TLanes.Load(result + (2 * pitch));
            s21 = TLanes.Load(result + (2 * pitch) + TLanes.Count);
            s22 = TLanes.Load(result + (2 * pitch) + (2 * TLanes.Count));
            s30 = TLanes.Load(result + (3 * pitch));
            s31 = TLanes.Load(result + (3 * pitch) + TLanes.Count);
            s32 = TLanes.Load(result + (3 * pitch) + (2 * TLanes.Count));
        }

        int runs = terms->Runs;
        nint step = (nint)terms->Step, panelStep = (nint)terms->PanelStep;
        float* r0 = rows[0];
        float* r1 = rows[1];
        float* r2 = rows[2];
        float* r3 = rows[3];
        for (int run = 0; run < runs; run++)
        {
            nint at = (nint)terms->Offsets[run];
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
                panel += panelStep;
                at += step;
            }
        }

        Store3(result, s00, s01, s02);
        Store3(result + pitch, s10, s11, s12);
        Store3(result + (2 * pitch), s20, s21, s22);
        Store3(result + (3 * pitch), s30, s31, s32);
    }

    private static void Middle(float** rows, Terms* terms, float* panel, float* result, nint pitch, bool goesOn)
    {
        V s00 = TLanes.Zero, s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00;
        V s30 = s00, s31 = s00, s40 = s00, s41 = s00, s50 = s00, s51 = s00;
        if (goesOn)
        {
            s00 = TLanes.Load(result);
            s01 = TLanes.Load(result + TLanes.Count);
            s10 = TLanes.Load(result + pitch);
            s11 = TLanes.Load(result + pitch + TLanes.Count);
            s20 = TLanes.Load(result + (2 * pitch));
            s21 = TLanes.Load(result + (2 * pitch) + TLanes.Count);
            s30 = TLanes.Load(result + (3 * pitch));
            s31 = TLanes.Load(result + (3 * pitch) + TLanes.Count);
            s40 = TLanes.Load(result + (4 * pitch));
            s41 = TLanes.Load(result + (4 * pitch) + TLanes.Count);
            s50 = TLanes.Load(result + (5 * pitch));
            s51 = TLanes.Load(result + (5 * pitch) + TLanes.Count);
        }

        int runs = terms->Runs;
        nint step = (nint)terms->Step, panelStep = (nint)terms->PanelStep;
        float* r0 = rows[0];
        float* r1 = rows[1];
        float* r2 = rows[2];
        float* r3 = rows[3];
        float* r4 = rows[4];
        float* r5 = rows[5];
        for (int run = 0; run < runs; run++)
        {
            nint at = (nint)terms->Offsets[run];
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
                panel += panelStep;
                at += step;
            }
        }

        Store2(result, s00, s01);
        Store2(result + pitch, s10, s11);
        Store2(result + (2 * pitch), s20, s21);
        Store2(result + (3 * pitch), s30, s31);
        Store2(result + (4 * pitch), s40, s41);
        Store2(result + (5 * pitch), s50, s51);
    }

    private static void Narrow(float** rows, Terms* terms, float* panel, float* result, nint pitch, bool goesOn)
    {
        V s0 = TLanes.Zero, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, s8 = s0, s9 = s0, s10 = s0, s11 = s0;
        if (goesOn)
        {
            s0 = TLanes.Load(result);
            s1 = TLanes.Load(result + pitch);
            s2 = TLanes.Load(result + (2 * pitch));
            s3 = TLanes.Load(result + (3 * pitch));
            s4 = TLanes.Load(result + (4 * pitch));
            s5 = TLanes.Load(result + (5 * pitch));
            s6 = TLanes.Load(result + (6 * pitch));
            s7 = TLanes.Load(result + (7 * pitch));
            s8 = TLanes.Load(result + (8 * pitch));
            s9 = TLanes.Load(result + (9 * pitch));
            s10 = TLanes.Load(result + (10 * pitch));
            s11 = TLanes.Load(result + (11 * pitch));
        }

        int runs = terms->Runs;
        nint step = (nint)terms->Step, panelStep = (nint)terms->PanelStep;
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
                panel += panelStep;
                at += step;
            }
        }

        TLanes.Store(s0, result);
        TLanes.Store(s1, result + pitch);
        TLanes.Store(s2, result + (2 * pitch));
        TLanes.Store(s3, result + (3 * pitch));
        TLanes.Store(s4, result + (4 * pitch));
        TLanes.Store(s5, result + (5 * pitch));
        TLanes.Store(s6, result + (6 * pitch));
        TLanes.Store(s7, result + (7 * pitch));
        TLanes.Store(s8, result + (8 * pitch));
        TLanes.Store(s9, result + (9 * pitch));
        TLanes.Store(s10, result + (10 * pitch));
        TLanes.Store(s11, result + (11 * pitch));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store3(float* to, V a, V b, V c)
    {
        TLanes.Store(a, to);
        TLanes.Store(b, to + TLanes.Count);
        TLanes.Store(c, to + (2 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store2(float* to, V a, V b)
    {
        TLanes.Store(a, to);
        TLanes.Store(b, to + TLanes.Count);
    }
}
