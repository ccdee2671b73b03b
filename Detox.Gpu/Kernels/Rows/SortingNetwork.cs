using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Detox.Gpu.Kernels;

/// <summary>Which pairs of rows to put in order, one pair after another, so that a column of n values is sorted.</summary>
/// <remarks>Batcher's odd-even merge sort. Rows come in sorted blocks of <see cref="Block"/> (sorted in registers when they
/// are loaded), so the pairs start with merging those. Pairs that no wanted output depends on are left out.
/// Source: Knuth, The Art of Computer Programming 3, 5.3.4.</remarks>
internal sealed unsafe class SortingNetwork
{
    public const int Block = 8;

    // Pinned, and held here.
    private readonly int[] _pairs;

    /// <param name="n">Rows.</param>
    /// <param name="firstWanted">The outputs that must be in place, from this one</param>
    /// <param name="lastWanted">to this one.</param>
    public SortingNetwork(int n, int firstWanted, int lastWanted)
    {
        List<(int Low, int High)> pairs = [];
        for (int p = Block; p < n; p *= 2)
            for (int k = p; k >= 1; k /= 2)
                for (int j = k % p; j < n - k; j += 2 * k)
                    for (int i = j; i < Math.Min(j + k, n - k); i++)
                        if (i / (2 * p) == (i + k) / (2 * p))
                            pairs.Add((i, i + k));

        bool[] wanted = new bool[n];
        Array.Fill(wanted, true, firstWanted, lastWanted - firstWanted + 1);
        List<(int Low, int High)> kept = [];
        for (int c = pairs.Count - 1; c >= 0; c--)
        {
            (int low, int high) = pairs[c];
            if (!wanted[low] && !wanted[high]) continue;
            wanted[low] = wanted[high] = true;
            kept.Add(pairs[c]);
        }

        Count = kept.Count;
        _pairs = GC.AllocateUninitializedArray<int>(2 * Count, pinned: true);
        for (int c = 0; c < Count; c++) (_pairs[2 * c], _pairs[(2 * c) + 1]) = kept[Count - 1 - c];
    }

    public int Count { get; }

    /// <summary>low, high, low, high, ...: the smaller value goes to low. They live as long as the network.</summary>
    public int* Pairs => (int*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_pairs));
}
