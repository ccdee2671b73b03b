using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>A column in a GPU's memory, as integers of <see cref="Order"/>: value i is memory[start + i * stride].</summary>
internal readonly struct ColumnMemory(ArrayView<int> memory, long start, long stride, int count)
{
    private const int Block = 64;

    public int this[int i] => memory[start + (i * stride)];

    /// <summary>What lies beyond the end sorts last.</summary>
    public int Value(int i)
    {
        int value = int.MaxValue;
        if (i < count) value = memory[start + (i * stride)];
        return value;
    }

    public void Keep(int i, int value)
    {
        if (i < count) memory[start + (i * stride)] = value;
    }

    /// <summary>Takes a column of any number of rows, and sorts it.</summary>
    /// <remarks>Blocks of 64 are sorted in registers, then merged by Batcher's bitonic network, whose last six steps are taken in
    /// registers too. The threads of a group do the same with neighbouring columns, whatever the values are.</remarks>
    public void Sort(long column, DeviceRows rows)
    {
        for (int first = 0; first < count; first += Block) SortedColumn.Read64(column, rows, first).Keep(this, first);
        for (int half = Block; half < count; half *= 2)
        {
            // One half ascending, then the other descending, would be bitonic: so the other is read backwards.
            for (int pair = 0; pair + half < count; pair += 2 * half)
                for (int i = 0; i < half; i++)
                    Exchange(pair + i, pair + (2 * half) - 1 - i);
            for (int distance = half / 2; distance >= Block; distance /= 2)
                for (int block = 0; block + distance < count; block += 2 * distance)
                    for (int i = block; i < block + distance; i++)
                        Exchange(i, i + distance);
            for (int first = 0; first < count; first += Block) SortedColumn.Merge64(this, first).Keep(this, first);
        }
    }

    private void Exchange(int low, int high)
    {
        if (high >= count) return;
        int a = this[low], b = this[high];
        memory[start + (low * stride)] = Math.Min(a, b);
        memory[start + (high * stride)] = Math.Max(a, b);
    }
}
