using System.Collections.Concurrent;
using System.Reflection;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;

namespace Detox.Tests.Ptx;

/// <summary>The project's kernels, and the PTX that ILGPU writes of them.</summary>
internal static class KernelTexts
{
    private static readonly Lazy<Context> _context = new(() => IlgpuDevices.CreateContext(IlgpuKind.Simulator));
    private static readonly ConcurrentDictionary<CudaArchitecture, PTXBackend> _backends = [];
    private static readonly ConcurrentDictionary<(MethodInfo, CudaArchitecture), string> _texts = [];

    public static IEnumerable<MethodInfo> All() => typeof(Portable).Assembly.GetTypes()
        .Where(type => type.Namespace == typeof(Portable).Namespace)
        .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
        .Where(method => method.GetParameters() is [{ ParameterType: var first }, ..]
            && (first == typeof(Index1D) || (method.Name.EndsWith("Kernel", StringComparison.Ordinal) && method.ReturnType == typeof(void))));

    public static string NameOf(MethodInfo kernel) => $"{kernel.DeclaringType!.Name}.{kernel.Name}";

    public static IEnumerable<TestCaseData> Cases() => All().Select(kernel => new TestCaseData(kernel).SetArgDisplayNames(NameOf(kernel)));

    public static string Of(MethodInfo kernel) => Of(kernel, CudaArchitecture.SM_80);

    /// <summary>In the version of PTX that CUDA 11.8 assembles, and every later one.</summary>
    public static string Of(MethodInfo kernel, CudaArchitecture architecture) => _texts.GetOrAdd((kernel, architecture), key =>
    {
        bool isGrouped = kernel.GetParameters()[0].ParameterType != typeof(Index1D);
        EntryPointDescription entry = isGrouped ? EntryPointDescription.FromExplicitlyGroupedKernel(kernel) : EntryPointDescription.FromImplicitlyGroupedKernel(kernel);
        PTXBackend backend = _backends.GetOrAdd(architecture, one => new PTXBackend(_context.Value, one, CudaInstructionSet.ISA_78, null!));
        return ((PTXCompiledKernel)backend.Compile(entry, default)).PTXAssembly;
    });
}
