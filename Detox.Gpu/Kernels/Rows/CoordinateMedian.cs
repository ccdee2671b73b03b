using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Coordinate-wise median of n rows: output[j] = the middle of x_0j, ..., x_(n-1)j in order.</summary>
/// <remarks>n even: the mean of the two middles, (low + high) * 0.5, as numpy.median. The order is
/// -inf, ..., -0, +0, ..., +inf, NaN: a NaN of either sign sorts above +inf, so fewer than n/2 NaN rows cannot reach the
/// output. The output must not overlap the rows.
/// Portable: selections and at most one add and one multiply; a NaN in the output is always the same one.
/// Source: Yin et al. 2018, "Byzantine-robust distributed learning: towards optimal statistical rates".</remarks>
public readonly unsafe ref partial struct CoordinateMedian(Rows rows, View output) : IOp, IVectorOp
{
    private static readonly ConcurrentDictionary<int, SortingNetwork> _networks = new();

    static bool IVectorOp.Fuses => false;

    public Rows Rows { get; } = rows;

    public View Output { get; } = output;

    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, Span<float> output)
    {
        int n = offsets.Length;
        int[] column = new int[n];
        for (int j = 0; j < output.Length; j++)
        {
            for (int i = 0; i < n; i++) column[i] = Order.Of(memory[(int)offsets[i] + j]);
            Array.Sort(column);
            output[j] = Middle(column[(n - 1) / 2], column[n / 2], n);
        }
    }

    /// <summary>The median of n values of which those in the places (n - 1) / 2 and n / 2 are known.</summary>
    internal static float Middle(int low, int high, int n)
    {
        float below = Order.ToFloat(low), above = Order.ToFloat(high);
        return n % 2 == 1 ? below : Order.CanonicalNaN(Portable.Multiply(Portable.Add(below, above), 0.5f));
    }

    /// <summary>The median of n vectors in order, at buffer, buffer + stride, ...</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Middle<TLanes, V>(float* buffer, nint stride, int n)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        V high = TLanes.FromOrder(TLanes.Load(buffer + (n / 2 * stride)));
        if (n % 2 == 1) return high;
        V low = TLanes.FromOrder(TLanes.Load(buffer + (((n / 2) - 1) * stride)));
        return TLanes.CanonicalNaN(TLanes.Multiply(TLanes.Add(low, high), TLanes.All(0.5f)));
    }

    public void Check() => Pass.Check(Rows, Output);

    public void Reference() => Reference(Rows.Memory.Floats, Rows.Offsets, Output.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        int n = Rows.Count;
        if (n <= ColumnMedian.MostRows)
        {
            ColumnBlocks<TLanes, V, OfFewRows>.Run(device, Rows, new OfFewRows(n), Output);
            return;
        }

        SortingNetwork network = _networks.GetOrAdd(n, static n => new SortingNetwork(n, (n - 1) / 2, n / 2));
        SortedColumns<Middles>.Run<TLanes, V>(device, Rows, network, new Middles(n), Output);
    }

    private readonly struct OfFewRows(int n) : IColumns
    {
        public int BufferRows => ColumnMedian.BufferRows(n);

        public bool TakesFour => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TLanes, V>(float** rows, long column, int vectors, float* buffer, float* output)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
            => TLanes.Store(ColumnMedian.Of<TLanes, V>(rows, n, column, buffer), output);
    }

    private readonly struct Middles(int n) : ISortedColumns
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Finish<TLanes, V>(float* buffer, nint stride, float* output)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
            => TLanes.Store(Middle<TLanes, V>(buffer, stride, n), output);
    }
}
