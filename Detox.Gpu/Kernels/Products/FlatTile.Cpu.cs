namespace Detox.Gpu.Kernels;

/// <summary>Sums in registers of two rows by many columns: for the few rows that would leave most of a <see cref="RegisterTile{TLanes, V}"/> empty.</summary>
/// <remarks>A sum is one chain of fused multiply-adds over the terms in order. The columns of a term lie side by side in memory.</remarks>
internal static unsafe class FlatTile<TLanes, V>
    where TLanes : struct, ILanes<V>
    where V : unmanaged
{
    public const int Vectors = 6;

    public static int Columns => Vectors * TLanes.Count;

    /// <summary>Of so many outputs those behind the last whole vector, where there is one and they would fill an eighth of another at most; else 0.</summary>
    public static int Few(int outputs)
    {
        int rest = outputs % TLanes.Count;
        return 8 * rest <= TLanes.Count && outputs > TLanes.Count ? rest : 0;
    }

    /// <summary>result[row][column] = the sums of two rows.</summary>
    /// <param name="row">The first row: each term lies <paramref name="step"/> floats behind the one before.</param>
    /// <param name="next">The second row.</param>
    /// <param name="terms">Where the terms lie behind the pointer to the columns.</param>
    public static void Multiply(float* row, float* next, nint step, Terms* terms, float* columns, float* result)
    {
        V a0 = TLanes.Zero, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
        V b0 = a0, b1 = a0, b2 = a0, b3 = a0, b4 = a0, b5 = a0;
        nint columnStep = (nint)terms->Step;
        for (int run = 0; run < terms->Runs; run++)
        {
            float* at = columns + terms->Offsets[run];
            for (int i = terms->Lengths[run]; i > 0; i--)
            {
                V a = TLanes.All(*row), b = TLanes.All(*next);
                V column = TLanes.Load(at);
                a0 = TLanes.FusedMultiplyAdd(a, column, a0);
                b0 = TLanes.FusedMultiplyAdd(b, column, b0);
                column = TLanes.Load(at + TLanes.Count);
                a1 = TLanes.FusedMultiplyAdd(a, column, a1);
                b1 = TLanes.FusedMultiplyAdd(b, column, b1);
                column = TLanes.Load(at + (2 * TLanes.Count));
                a2 = TLanes.FusedMultiplyAdd(a, column, a2);
                b2 = TLanes.FusedMultiplyAdd(b, column, b2);
                column = TLanes.Load(at + (3 * TLanes.Count));
                a3 = TLanes.FusedMultiplyAdd(a, column, a3);
                b3 = TLanes.FusedMultiplyAdd(b, column, b3);
                column = TLanes.Load(at + (4 * TLanes.Count));
                a4 = TLanes.FusedMultiplyAdd(a, column, a4);
                b4 = TLanes.FusedMultiplyAdd(b, column, b4);
                column = TLanes.Load(at + (5 * TLanes.Count));
                a5 = TLanes.FusedMultiplyAdd(a, column, a5);
                b5 = TLanes.FusedMultiplyAdd(b, column, b5);
                row += step;
                next += step;
                at += columnStep;
            }
        }

        TLanes.Store(a0, result);
        TLanes.Store(a1, result + TLanes.Count);
        TLanes.Store(a2, result + (2 * TLanes.Count));
        TLanes.Store(a3, result + (3 * TLanes.Count));
        TLanes.Store(a4, result + (4 * TLanes.Count));
        TLanes.Store(a5, result + (5 * TLanes.Count));
        result += Columns;
        TLanes.Store(b0, result);
        TLanes.Store(b1, result + TLanes.Count);
        TLanes.Store(b2, result + (2 * TLanes.Count));
        TLanes.Store(b3, result + (3 * TLanes.Count));
        TLanes.Store(b4, result + (4 * TLanes.Count));
        TLanes.Store(b5, result + (5 * TLanes.Count));
    }
}
