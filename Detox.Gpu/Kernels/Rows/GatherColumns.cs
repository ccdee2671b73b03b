using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>Some columns of n rows: output[i * m + k] = x_i,columns[k].</summary>
/// <remarks>columns: m numbers of columns, in any order. output: n x m, row-major; it must not overlap the rows. Floats are moved, not computed. Portable.</remarks>
public readonly unsafe ref struct GatherColumns(Rows rows, ReadOnlySpan<long> columns, View output) : IOp
{
    private static readonly Scratch<long> _columns = new();

    public Rows Rows { get; } = rows;

    public ReadOnlySpan<long> Columns { get; } = columns;

    public View Output { get; } = output;

    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, ReadOnlySpan<long> columns, Span<float> output)
    {
        for (int i = 0; i < offsets.Length; i++)
            for (int k = 0; k < columns.Length; k++)
                output[(i * columns.Length) + k] = memory[(int)(offsets[i] + columns[k])];
    }

    public void Check()
    {
        Output.Expect((long)Rows.Count * Columns.Length);
        foreach (long column in Columns)
            if (column < 0 || column >= Rows.Width) throw new ArgumentException($"columns: there is no column {column} in rows of {Rows.Width} floats.");
    }

    public void Reference() => Reference(Rows.Memory.Floats, Rows.Offsets, Columns, Output.Floats);

    public void Run(CpuDevice device)
    {
        if (Output.Length == 0) return;
        fixed (long* columns = Columns)
        {
            RowByRow work = new() { Rows = Pass.Pointers(device, Rows), Columns = columns, Count = Columns.Length, Output = CpuDevice.Pointer(Output) };
            device.Share(Rows.Count, ref work);
        }
    }

    public void Run(IlgpuDevice device)
        => device.Each(Output.Length, new Place(DeviceRows.Of(device, Rows), device.Upload(_columns, Columns), IlgpuDevice.Floats(Output)));

    private struct RowByRow : IPieces
    {
        public float** Rows;
        public long* Columns;
        public int Count;
        public float* Output;

        public readonly void Run(int piece)
        {
            float* row = Rows[piece], to = Output + ((long)piece * Count);
            for (int k = 0; k < Count; k++) to[k] = row[Columns[k]];
        }
    }

    internal readonly struct Place(DeviceRows rows, ArrayView<long> columns, ArrayView<float> output) : IThread
    {
        public void Run(long at)
        {
            long row = at / columns.Length;
            output[at] = rows[(int)row, columns[at - (row * columns.Length)]];
        }
    }
}
