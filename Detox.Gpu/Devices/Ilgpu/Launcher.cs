using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
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
/// <remarks>All are explicitly grouped. What ILGPU 1.5 writes is mended in two places: in PTX it takes branches for the same in a whole warp
/// that are not (a thread's index that is a parameter, values that come by different ways), which PTX forbids; and OpenCL C is told
/// that a product which is to be rounded before its sum must not become a fused one.</remarks>
internal sealed partial class Launcher(Accelerator accelerator, AcceleratorStream stream) : ILauncher
{
    private const string NoContraction = "#pragma OPENCL FP_CONTRACT OFF\n";

    private readonly Dictionary<Type, Delegate> _loaded = [];

    public void Launch<TKernel>(int groups, in TKernel kernel)
        where TKernel : struct, IKernel
    {
        if (!_loaded.TryGetValue(typeof(TKernel), out Delegate? launch))
        {
            CompiledKernel compiled = Compile(accelerator.GetBackend(), typeof(TKernel));
            _loaded.Add(typeof(TKernel), launch = accelerator.LoadKernel(compiled).CreateLauncherDelegate<Action<AcceleratorStream, KernelConfig, TKernel>>());
        }

        ((Action<AcceleratorStream, KernelConfig, TKernel>)launch)(stream, new KernelConfig(groups, TKernel.Threads), kernel);
    }

    /// <summary>What a device is given of a kernel.</summary>
    public static CompiledKernel Compile(Backend backend, Type kernel)
    {
        MethodInfo run = typeof(Launcher).GetMethod(nameof(Run), BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(kernel);
        return backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(run), default) switch
        {
            PTXCompiledKernel ptx => Create(ptx.Context, EntryPointOf(ptx), ptx.Info, UniformBranch.Replace(ptx.PTXAssembly, "$1")),
            CLCompiledKernel c => new CLCompiledKernel(c.Context, (SeparateViewEntryPoint)EntryPointOf(c), c.Info, NoContraction + c.Source, c.CVersion),
            CompiledKernel other => other,
        };
    }

    [GeneratedRegex(@"(@!?%p\d+\s+bra)\.uni\b")]
    private static partial Regex UniformBranch { get; }

    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern PTXCompiledKernel Create(Context context, EntryPoint entryPoint, CompiledKernel.KernelInfo? info, string text);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_EntryPoint")]
    private static extern EntryPoint EntryPointOf(CompiledKernel kernel);

    private static void Run<TKernel>(TKernel kernel)
        where TKernel : struct, IKernel
        => kernel.Run();
}
