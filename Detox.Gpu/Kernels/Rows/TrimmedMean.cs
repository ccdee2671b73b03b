using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;

namespace Detox.Gpu.Kernels;

/// <summary>Down each column, the mean of what is left when the <c>trim</c> lowest and the <c>trim</c> highest values are dropped.</summary>
/// <remarks>The order is that of <see cref="CoordinateMedian"/>: a NaN sorts above +inf, so up to <c>trim</c> rows with NaN or infinity
/// do not reach the output. The output must not overlap the rows.
/// Portable: what is left is summed in ascending order from +0, then divided by n - 2 trim; a NaN in the output is always the same one.
/// Source: Yin et al. 2018, "Byzantine-robust distributed learning: towards optimal statistical rates".</remarks>
/// <param name="trim">From 0 to less than half of the rows.</param>
public readonly unsafe ref struct TrimmedMean(Rows rows, int trim, View output) : IOp, IVectorOp
{
    private static readonly ConcurrentDictionary<(int Rows, int Trim), SortingNetwork> _networks = new();

    static bool IVectorOp.Fuses => false;

    public Rows Rows { get; } = rows;

    public int Trim { get; } = trim;

    public View Output { get; } = output;

    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, int trim, Span<float> output)
    {
        int n = offsets.Length;
        int[] column = new int[n];
        for (int j = 0; j < output.Length; j++)
        {
            for (int i = 0; i < n; i++) column[i] = Order.Of(memory[(int)offsets[i] + j]);
            Array.Sort(column);
            float sum = 0;
            for (int i = trim; i < n - trim; i++) sum += Order.ToFloat(column[i]);
            output[j] = Order.CanonicalNaN(sum / (n - (2 * trim)));
        }
    }

    public void Check()
    {
        Pass.Check(Rows, Output);
        if (Trim < 0 || 2 * Trim >= Rows.Count) throw new ArgumentException($"trim: nothing is left of {Rows.Count} values without {Trim} at each end.");
    }

    public void Reference() => Reference(Rows.Memory.Floats, Rows.Offsets, Trim, Output.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);

    public void Run(IlgpuDevice device) => SortedColumnThreads.Run(device, Rows, new Middle(Rows.Count, Trim), Output);

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        SortingNetwork network = _networks.GetOrAdd((Rows.Count, Trim), static key => new SortingNetwork(key.Rows, key.Trim, key.Rows - 1 - key.Trim));
        SortedColumns<Middle>.Run<TLanes, V>(device, Rows, network, new Middle(Rows.Count, Trim), Output);
    }

    /// <summary>The mean of what is left of n vectors in order, at buffer, buffer + stride, ...</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Of<TLanes, V>(float* buffer, nint stride, int n, int trim)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        V sum = TLanes.Zero;
        for (int i = trim; i < n - trim; i++) sum = TLanes.Add(sum, TLanes.FromOrder(TLanes.Load(buffer + (i * stride))));
        return TLanes.CanonicalNaN(TLanes.Divide(sum, TLanes.All(n - (2 * trim))));
    }

    internal static float Of(ColumnMemory column, int n, int trim)
    {
        float sum = 0;
        for (int i = trim; i < n - trim; i++) sum = Portable.Add(sum, Order.ToFloat(column[i]));
        return Order.CanonicalNaN(Portable.Divide(sum, n - (2 * trim)));
    }

    internal readonly struct Middle(int n, int trim) : ISortedColumns, ISortedColumn
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Finish<TLanes, V>(float* buffer, nint stride, float* output)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
            => TLanes.Store(Of<TLanes, V>(buffer, stride, n, trim), output);

        public float Finish(ColumnMemory column) => Of(column, n, trim);
    }
}
