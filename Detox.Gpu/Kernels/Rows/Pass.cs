using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>What the passes over rows share.</summary>
internal static unsafe class Pass
{
    private static readonly Scratch<nint> _pointers = new();

    /// <summary>There are rows, and the output is as wide as they are.</summary>
    public static void Check(Rows rows, View output)
    {
        if (rows.Count == 0) throw new ArgumentException("rows: a pass over no rows has no result.");
        output.Expect(rows.Width);
    }

    /// <summary>Where each row begins, until the next pass asks.</summary>
    public static float** Pointers(CpuDevice device, Rows rows)
    {
        float** pointers = (float**)device.Room(_pointers, rows.Count);
        float* memory = CpuDevice.Pointer(rows.Memory);
        for (int i = 0; i < rows.Count; i++) pointers[i] = memory + rows.Offsets[i];
        return pointers;
    }
}
