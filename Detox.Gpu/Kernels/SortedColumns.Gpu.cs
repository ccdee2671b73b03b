using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>A column in order, in a GPU thread's own memory.</summary>
internal static class SortedColumn
{
    /// <summary>The most rows that a GPU sorts.</summary>
    public const int MostRows = 128;

    /// <summary>Reads column j once, each value straight to its place.</summary>
    internal static void Read(long j, ArrayView<float> memory, ArrayView<long> offsets, int rows, ArrayView<int> column)
    {
        for (int i = 0; i < rows; i++)
        {
            int value = Order.Of(memory[offsets[i] + j]);
            int at = i;
            while (at > 0 && column[at - 1] > value)
            {
                column[at] = column[at - 1];
                at--;
            }

            column[at] = value;
        }
    }

    internal static float Median(ArrayView<int> column, int rows)
    {
        float low = Order.ToFloat(column[(rows - 1) / 2]);
        float high = Order.ToFloat(column[rows / 2]);
        return rows % 2 == 1 ? low : Order.CanonicalNaN(Portable.Multiply(Portable.Add(low, high), 0.5f));
    }
}

internal static partial class CoordinateMedian
{
    /// <summary>One thread a column; neighbours read neighbouring floats.</summary>
    internal static void Kernel(Index1D j, ArrayView<float> memory, ArrayView<long> offsets, int rows, ArrayView<float> output)
    {
        ArrayView<int> column = LocalMemory.Allocate<int>(SortedColumn.MostRows);
        SortedColumn.Read(j, memory, offsets, rows, column);
        output[j] = SortedColumn.Median(column, rows);
    }
}

internal static partial class MeanAroundMedian
{
    /// <summary>One thread a column; neighbours read neighbouring floats.</summary>
    internal static void Kernel(Index1D j, ArrayView<float> memory, ArrayView<long> offsets, int rows, int keep, ArrayView<float> output)
    {
        ArrayView<int> column = LocalMemory.Allocate<int>(SortedColumn.MostRows);
        SortedColumn.Read(j, memory, offsets, rows, column);
        float median = SortedColumn.Median(column, rows);
        int start = 0;
        while (start < rows - keep
            && Portable.Less(Portable.Subtract(Order.ToFloat(column[start + keep]), median), Portable.Subtract(median, Order.ToFloat(column[start]))))
        {
            start++;
        }

        float sum = 0;
        for (int i = start; i < start + keep; i++) sum = Portable.Add(sum, Order.ToFloat(column[i]));
        output[j] = Order.CanonicalNaN(Portable.Divide(sum, keep));
    }
}
