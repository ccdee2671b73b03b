using System.Runtime.CompilerServices;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class CoordinateMedian
{
    public static SortingNetwork Network(int n) => new(n, (n - 1) / 2, n / 2);

    internal struct Cpu : ISortedColumns
    {
        public int N;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Finish<TLanes, V>(float* buffer, nint stride, float* output)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
            => TLanes.Store(OfSorted<TLanes, V>(buffer, stride, N), output);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V OfSorted<TLanes, V>(float* buffer, nint stride, int n)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        V high = TLanes.FromOrder(TLanes.Load(buffer + (n / 2 * stride)));
        if (n % 2 == 1) return high;
        V low = TLanes.FromOrder(TLanes.Load(buffer + (((n / 2) - 1) * stride)));
        return TLanes.CanonicalNaN(TLanes.Multiply(TLanes.Add(low, high), TLanes.All(0.5f)));
    }
}
