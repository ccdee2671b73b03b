namespace Detox.Gpu.Aggregation;

/// <summary>Orders of vectors by what is known of them.</summary>
internal static class Indices
{
    /// <summary>0 to n - 1 by ascending keys; of equal keys the lower index comes first.</summary>
    public static void ByKeys(ReadOnlySpan<double> keys, Span<int> order)
    {
        for (int i = 0; i < order.Length; i++) order[i] = i;

        // Insertion is stable, and needs no memory for a comparer that knows the keys.
        for (int i = 1; i < order.Length; i++)
        {
            int moved = order[i], place = i;
            for (; place > 0 && keys[order[place - 1]] > keys[moved]; place--) order[place] = order[place - 1];
            order[place] = moved;
        }
    }
}
