namespace Detox.Gpu.Kernels;

internal static unsafe partial class RegisterTile<TLanes, V>
{
    private static void TallWide(float** rows, Terms* terms, float* panel, float* result, bool goesOn)
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
            s10 = TLanes.Load(result + (3 * TLanes.Count));
            s11 = TLanes.Load(result + (4 * TLanes.Count));
            s12 = TLanes.Load(result + (5 * TLanes.Count));
            s20 = TLanes.Load(result + (6 * TLanes.Count));
            s21 = TLanes.Load(result + (7 * TLanes.Count));
            s22 = TLanes.Load(result + (8 * TLanes.Count));
            s30 = TLanes.Load(result + (9 * TLanes.Count));
            s31 = TLanes.Load(result + (10 * TLanes.Count));
            s32 = TLanes.Load(result + (11 * TLanes.Count));
            s40 = TLanes.Load(result + (12 * TLanes.Count));
            s41 = TLanes.Load(result + (13 * TLanes.Count));
            s42 = TLanes.Load(result + (14 * TLanes.Count));
            s50 = TLanes.Load(result + (15 * TLanes.Count));
            s51 = TLanes.Load(result + (16 * TLanes.Count));
            s52 = TLanes.Load(result + (17 * TLanes.Count));
            s60 = TLanes.Load(result + (18 * TLanes.Count));
            s61 = TLanes.Load(result + (19 * TLanes.Count));
            s62 = TLanes.Load(result + (20 * TLanes.Count));
            s70 = TLanes.Load(result + (21 * TLanes.Count));
            s71 = TLanes.Load(result + (22 * TLanes.Count));
            s72 = TLanes.Load(result + (23 * TLanes.Count));
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
            float* r6 = rows[6] + offset;
            float* r7 = rows[7] + offset;
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
                panel += 3 * TLanes.Count;
                at += step;
            }
        }

        Store3(result, 0, s00, s01, s02);
        Store3(result, 1, s10, s11, s12);
        Store3(result, 2, s20, s21, s22);
        Store3(result, 3, s30, s31, s32);
        Store3(result, 4, s40, s41, s42);
        Store3(result, 5, s50, s51, s52);
        Store3(result, 6, s60, s61, s62);
        Store3(result, 7, s70, s71, s72);
    }

    private static void TallMiddle(float** rows, Terms* terms, float* panel, float* result, bool goesOn)
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
            s60 = TLanes.Load(result + (12 * TLanes.Count));
            s61 = TLanes.Load(result + (13 * TLanes.Count));
            s70 = TLanes.Load(result + (14 * TLanes.Count));
            s71 = TLanes.Load(result + (15 * TLanes.Count));
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
            float* r6 = rows[6] + offset;
            float* r7 = rows[7] + offset;
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
                a = TLanes.All(r6[at]);
                s60 = TLanes.FusedMultiplyAdd(a, b0, s60);
                s61 = TLanes.FusedMultiplyAdd(a, b1, s61);
                a = TLanes.All(r7[at]);
                s70 = TLanes.FusedMultiplyAdd(a, b0, s70);
                s71 = TLanes.FusedMultiplyAdd(a, b1, s71);
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
        Store2(result, 6, s60, s61);
        Store2(result, 7, s70, s71);
    }
}
