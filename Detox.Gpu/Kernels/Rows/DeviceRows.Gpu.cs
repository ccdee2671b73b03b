using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The rows that a kernel reads.</summary>
internal readonly struct DeviceRows(ArrayView<float> memory, ArrayView<long> offsets, int count)
{
    private static readonly Scratch<long> _offsets = new();

    public int Count => count;

    public float this[int row, long column] => memory[offsets[row] + column];

    /// <summary>A value at its place in the memory that holds all rows.</summary>
    public float this[long place] => memory[place];

    /// <summary>The place at which a row begins.</summary>
    public long Start(int row) => offsets[row];

    /// <summary>A row's values from a column on.</summary>
    public ArrayView<float> From(int row, long column) => memory.SubView(offsets[row] + column);

    public static DeviceRows Of(IlgpuDevice device, Rows rows)
        => new(IlgpuDevice.Floats(rows.Memory), device.Upload(_offsets, rows.Offsets), rows.Count);
}
