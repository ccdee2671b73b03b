namespace Detox.Gpu.Kernels;

internal static unsafe partial class RegisterTile<TLanes, V>
{
    private static void TallWide(float** rows, Terms* terms, float* panel, float* result, nint pitch, bool goesOn)
    {
        V s00 = TLanes.Zero, s01 = s00, s02 = s00;
        V s10 = s00, s11 = s00, s12 = s00;
        V s20 = s00, s21 = s00, s22 = s00;
        V s30 = s00, s31 = s00, s32 = s00;
        V s40 = s00, s41 = s00, s42 = s00;
        V s50 = s00, s51 = s00, s52 = s00;
        V s60 = s00, s61 = s00, s62 = s00;
        V s70 = s00, s71 = s00, s72 = s00;
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
            s40 = TLanes.Load(result + (4 * pitch));
            s41 = TLanes.Load(result + (4 * pitch) + TLanes.Count);
            s42 = TLanes.Load(result + (4 * pitch) + (2 * TLanes.Count));
            s50 = TLanes.Load(result + (5 * pitch));
            s51 = TLanes.Load(result + (5 * pitch) + TLanes.Count);
            s52 = TLanes.Load(result + (5 * pitch) + (2 * TLanes.Count));
            s60 = TLanes.Load(result + (6 * pitch));
            s61 = TLanes.Load(result + (6 * pitch) + TLanes.Count);
            s62 = TLanes.Load(result + (6 * pitch) + (2 * TLanes.Count));
            s70 = TLanes.Load(result + (7 * pitch));
            s71 = TLanes.Load(result + (7 * pitch) + TLanes.Count);
            s72 = TLanes.Load(result + (7 * pitch) + (2 * TLanes.Count));
        }

        int runs = terms->Runs;
        nint step = (nint)terms->Step, panelStep = (nint)terms->PanelStep;
        float* r0 = rows[0];
        float* r1 = rows[1];
        float* r2 = rows[2];
        float* r3 = rows[3];
        float* r4 = rows[4];
        float* r5 = rows[5];
        float* r6 = rows[6];
        float* r7 = rows[7];
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
                a = TLanes.All(r4[at]);
                s40 = TLanes.FusedMultiplyAdd(a, b0, s40);
                s41 = TLanes.FusedMultiplyAdd(a, b1, s41);
                s42 = TLanes.FusedMultiplyAdd(a, b2, s42);
                a = TLanes.All(r5[at]);
                s50 = TLanes.FusedMultiplyAdd(a, b0, s50);
                s51 = TLanes.FusedMultiplyAdd(a, b1, s51);
                s52 = TLanes.FusedMultiplyAdd(a, b2, s52);
                a = TLanes.All(r6[at]);
                s60 = TLanes.FusedMultiplyAdd(a, b0, s60);
                s61 = TLanes.FusedMultiplyAdd(a, b1, s61);
                s62 = TLanes.FusedMultiplyAdd(a, b2, s62);
                a = TLanes.All(r7[at]);
                s70 = TLanes.FusedMultiplyAdd(a, b0, s70);
                s71 = TLanes.FusedMultiplyAdd(a, b1, s71);
                s72 = TLanes.FusedMultiplyAdd(a, b2, s72);
                panel += panelStep;
                at += step;
            }
        }

        Store3(result, s00, s01, s02);
        Store3(result + pitch, s10, s11, s12);
        Store3(result + (2 * pitch), s20, s21, s22);
        Store3(result + (3 * pitch), s30, s31, s32);
        Store3(result + (4 * pitch), s40, s41, s42);
        Store3(result + (5 * pitch), s50, s51, s52);
        Store3(result + (6 * pitch), s60, s61, s62);
        Store3(result + (7 * pitch), s70, s71, s72);
    }

    private static void TallMiddle(float** rows, Terms* terms, float* panel, float* result, nint pitch, bool goesOn)
    {
        V s00 = TLanes.Zero, s01 = s00;
        V s10 = s00, s11 = s00;
        V s20 = s00, s21 = s00;
        V s30 = s00, s31 = s00;
        V s40 = s00, s41 = s00;
        V s50 = s00, s51 = s00;
        V s60 = s00, s61 = s00;
        V s70 = s00, s71 = s00;
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
            s60 = TLanes.Load(result + (6 * pitch));
            s61 = TLanes.Load(result + (6 * pitch) + TLanes.Count);
            s70 = TLanes.Load(result + (7 * pitch));
            s71 = TLanes.Load(result + (7 * pitch) + TLanes.Count);
        }

        int runs = terms->Runs;
        nint step = (nint)terms->Step, panelStep = (nint)terms->PanelStep;
        float* r0 = rows[0];
        float* r1 = rows[1];
        float* r2 = rows[2];
        float* r3 = rows[3];
        float* r4 = rows[4];
        float* r5 = rows[5];
        float* r6 = rows[6];
        float* r7 = rows[7];
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
                a = TLanes.All(r6[at]);
                s60 = TLanes.FusedMultiplyAdd(a, b0, s60);
                s61 = TLanes.FusedMultiplyAdd(a, b1, s61);
                a = TLanes.All(r7[at]);
                s70 = TLanes.FusedMultiplyAdd(a, b0, s70);
                s71 = TLanes.FusedMultiplyAdd(a, b1, s71);
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
        Store2(result + (6 * pitch), s60, s61);
        Store2(result + (7 * pitch), s70, s71);
    }
}
