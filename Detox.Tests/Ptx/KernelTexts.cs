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
    private static readonly Lazy<PTXBackend> _backend = new(() => new PTXBackend(_context.Value, CudaArchitecture.SM_80, CudaInstructionSet.ISA_78, null!));
    private static readonly ConcurrentDictionary<MethodInfo, string> _texts = [];

    public static IEnumerable<MethodInfo> All() => typeof(Portable).Assembly.GetTypes()
        .Where(type => type.Namespace == typeof(Portable).Namespace)
        .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
        .Where(method => method.GetParameters() is [{ ParameterType: var first }, ..]
            && (first == typeof(Index1D) || (method.Name.EndsWith("Kernel", StringComparison.Ordinal) && method.ReturnType == typeof(void))));

    public static string NameOf(MethodInfo kernel) => $"{kernel.DeclaringType!.Name}.{kernel.Name}";

    public static IEnumerable<TestCaseData> Cases() => All().Select(kernel => new TestCaseData(kernel).SetArgDisplayNames(NameOf(kernel)));

    /// <summary>In the version of PTX that CUDA 11.8 assembles, and every later one.</summary>
    public static string Of(MethodInfo kernel) => _texts.GetOrAdd(kernel, _ =>
    {
        bool isGrouped = kernel.GetParameters()[0].ParameterType != typeof(Index1D);
        EntryPointDescription entry = isGrouped ? EntryPointDescription.FromExplicitlyGroupedKernel(kernel) : EntryPointDescription.FromImplicitlyGroupedKernel(kernel);
        return ((PTXCompiledKernel)_backend.Value.Compile(entry, default)).PTXAssembly;
    });
}
