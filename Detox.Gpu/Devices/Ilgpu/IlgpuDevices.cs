using System.Reflection;
using System.Runtime.InteropServices;
using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Detox.Gpu.Devices.Ilgpu;

/// <summary>How ILGPU reaches a device.</summary>
public enum IlgpuKind
{
    Cuda,
    OpenCl,

    /// <summary>Threads of this process that act as a small GPU, very slowly: for tests of tiny shapes.</summary>
    Simulator,
}

/// <summary>The ILGPU devices of this machine.</summary>
internal static partial class IlgpuDevices
{
    // As a GPU has it, and no more threads than the largest group of the kernels.
    private const int SimulatedWarp = 32;

    static IlgpuDevices()
    {
        // ILGPU asks for the name that only development packages have.
        NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, (name, assembly, path) =>
            name == "OpenCL" && !NativeLibrary.TryLoad(name, assembly, path, out nint library) && NativeLibrary.TryLoad("libOpenCL.so.1", out library) ? library : 0);
    }

    public static string NameOf(IlgpuKind kind) => kind switch
    {
        IlgpuKind.Cuda => "cuda",
        IlgpuKind.OpenCl => "opencl",
        _ => "simulator",
    };

    public static string Missing(IlgpuKind kind) => kind switch
    {
        IlgpuKind.Cuda => "there is no CUDA device: none is visible to the NVIDIA driver (nvidia-smi shows them), or the driver is missing. Take --device cpu, or auto, which falls back to it.",
        IlgpuKind.OpenCl => "there is no OpenCL device: install the driver of your GPU, or pocl-opencl-icd for the CPU. Take --device cpu, or auto, which falls back to it.",
        _ => "ILGPU has no simulator.",
    };

    /// <summary>What ILGPU throws where a driver's library is missing or does not work.</summary>
    public static bool IsMissingDriver(Exception error) => error is NotSupportedException or DllNotFoundException or EntryPointNotFoundException or AcceleratorException;

    public static ILGPU.Runtime.Device[] Of(Context context, IlgpuKind kind)
    {
        AcceleratorType type = kind switch
        {
            IlgpuKind.Cuda => AcceleratorType.Cuda,
            IlgpuKind.OpenCl => AcceleratorType.OpenCL,
            _ => AcceleratorType.CPU,
        };
        return [.. context.Devices.Where(device => device.AcceleratorType == type)];
    }

    public static Context CreateContext(IlgpuKind kind) => CreateContext(kind, out _);

    /// <param name="leftOut">Devices that lack what the kernels need, and what that is.</param>
    public static Context CreateContext(IlgpuKind kind, out IReadOnlyList<string> leftOut)
    {
        List<string> refused = [];
        leftOut = refused;
        Context.Builder builder = Context.Create().Optimize(OptimizationLevel.O2).Math(MathMode.Default);
        Portable.Register(builder);
        builder = kind switch
        {
            IlgpuKind.Cuda => builder.Cuda(),
            IlgpuKind.OpenCl => builder.OpenCL(device => Accept(device, refused)),
            _ => builder.CPU(new CPUDevice(SimulatedWarp, TiledProduct.Threads / SimulatedWarp, 1)),
        };
        return builder.ToContext();
    }

    /// <summary>ILGPU leaves out devices that do not report a generic address space. No kernel here has a pointer of which it is not
    /// known to what memory it leads, but for those to global memory; so PoCL is told to take a generic one for that.</summary>
    private static bool Accept(CLDevice device, List<string> refused)
    {
        if (device.Capabilities.GenericAddressSpace) return true;
        if (!device.PlatformName.Contains("Portable Computing Language", StringComparison.Ordinal))
        {
            refused.Add($"{device.Name} is left out: its driver has no generic address space (OpenCL C {device.CVersion}); a newer driver may have it");
            return false;
        }

        typeof(CLCapabilityContext).GetProperty(nameof(CLCapabilityContext.GenericAddressSpace))!
            .GetSetMethod(nonPublic: true)!.Invoke(device.Capabilities, [true]);
        _ = SetEnvironment("POCL_EXTRA_BUILD_FLAGS", "-D__generic=__global", 0);
        return true;
    }

    // .NET's own environment is not the one that a C library reads.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
