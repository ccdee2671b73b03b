using System.Runtime.CompilerServices;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class MeanAroundMedian
{
    public static SortingNetwork Network(int n) => new(n, 0, n - 1);

    internal struct Cpu : ISortedColumns
    {
        public int N;
        public int Keep;

        // How far the window moves is a count, because its steps are all taken before the first that is not.
        // Leaving a value out adds +0, which changes no sum that began at +0.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Finish<TLanes, V>(float* buffer, nint stride, float* output)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            int free = N - Keep;
            V median = CoordinateMedian.OfSorted<TLanes, V>(buffer, stride, N);
            V start = TLanes.Zero, one = TLanes.All(1);
            for (int k = 0; k < free; k++)
            {
                V leaving = TLanes.FromOrder(TLanes.Load(buffer + (k * stride)));
                V entering = TLanes.FromOrder(TLanes.Load(buffer + ((k + Keep) * stride)));
                start = TLanes.Add(start, TLanes.WhereLess(TLanes.Subtract(entering, median), TLanes.Subtract(median, leaving), one, TLanes.Zero));
            }

            V sum = TLanes.Zero;
            for (int i = 0; i < N; i++)
            {
                V value = TLanes.FromOrder(TLanes.Load(buffer + (i * stride)));
                if (i < free) value = TLanes.WhereLess(TLanes.All(i), start, TLanes.Zero, value);
                if (i >= Keep) value = TLanes.WhereLess(TLanes.All(i - Keep), start, value, TLanes.Zero);
                sum = TLanes.Add(sum, value);
            }

            TLanes.Store(TLanes.CanonicalNaN(TLanes.Divide(sum, TLanes.All(Keep))), output);
        }
    }
}
