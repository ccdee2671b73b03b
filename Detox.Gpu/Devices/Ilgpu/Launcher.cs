using System.Reflection;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

/// <summary>Starts kernels.</summary>
internal interface ILauncher
{
    /// <summary>Starts so many groups of a kernel.</summary>
    void Launch<TKernel>(int groups, in TKernel kernel)
        where TKernel : struct, IKernel;
}

/// <summary>Starts kernels on a device of ILGPU; each is compiled when it is first used.</summary>
/// <remarks>All are explicitly grouped: of an implicitly grouped one ILGPU 1.5 takes the index for the same in a whole warp, and writes
/// branches that PTX forbids.</remarks>
internal sealed class Launcher(Accelerator accelerator, AcceleratorStream stream) : ILauncher
{
    // A product that is to be rounded before its sum must not become a fused one.
    private const string NoContraction = "#pragma OPENCL FP_CONTRACT OFF\n";

    private readonly Dictionary<Type, Delegate> _loaded = [];

    /// <summary>What ILGPU compiles.</summary>
    public static EntryPointDescription EntryPoint(Type kernel)
        => EntryPointDescription.FromExplicitlyGroupedKernel(typeof(Launcher).GetMethod(nameof(Run), BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(kernel));

    public void Launch<TKernel>(int groups, in TKernel kernel)
        where TKernel : struct, IKernel
    {
        if (!_loaded.TryGetValue(typeof(TKernel), out Delegate? launch)) _loaded.Add(typeof(TKernel), launch = Load<TKernel>());
        ((Action<AcceleratorStream, KernelConfig, TKernel>)launch)(stream, new KernelConfig(groups, TKernel.Threads), kernel);
    }

    private Action<AcceleratorStream, KernelConfig, TKernel> Load<TKernel>()
        where TKernel : struct, IKernel
    {
        CompiledKernel compiled = accelerator.GetBackend().Compile(EntryPoint(typeof(TKernel)), default);
        if (compiled is CLCompiledKernel c)
        {
            PropertyInfo entry = typeof(CompiledKernel).GetProperty("EntryPoint", BindingFlags.Instance | BindingFlags.NonPublic)!;
            compiled = new CLCompiledKernel(c.Context, (SeparateViewEntryPoint)entry.GetValue(c)!, c.Info, NoContraction + c.Source, c.CVersion);
        }

        return accelerator.LoadKernel(compiled).CreateLauncherDelegate<Action<AcceleratorStream, KernelConfig, TKernel>>();
    }

    private static void Run<TKernel>(TKernel kernel)
        where TKernel : struct, IKernel
        => kernel.Run();
}
