using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>What an op makes of columns in order.</summary>
internal unsafe interface ISortedColumns
{
    /// <summary>Writes one vector of the output from the sorted vectors at buffer, buffer + stride, ...</summary>
    void Finish<TLanes, V>(float* buffer, nint stride, float* output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged;
}

/// <summary>An op on sorted columns.</summary>
internal readonly unsafe struct SortedColumns<TOp>(int n, SortingNetwork network, TOp op) : IColumns
    where TOp : struct, ISortedColumns
{
    private readonly int* _pairs = network.Pairs;
    private readonly int _pairCount = network.Count;

    public static void Run<TLanes, V>(CpuDevice device, Rows rows, SortingNetwork network, TOp op, View output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        => ColumnBlocks<TLanes, V, SortedColumns<TOp>>.Run(device, rows, new SortedColumns<TOp>(rows.Count, network, op), output);

    public int BufferRows => ColumnSort.BufferRows(n);

    public bool TakesFour => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<TLanes, V>(float** rows, long column, int vectors, float* buffer, float* output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        ColumnSort.Sort<TLanes, V>(rows, n, column, vectors, _pairs, _pairCount, buffer);
        int stride = vectors * TLanes.Count;
        for (int v = 0; v < stride; v += TLanes.Count) op.Finish<TLanes, V>(buffer + v, stride, output + v);
    }
}
