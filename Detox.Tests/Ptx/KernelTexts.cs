using System.Collections.Concurrent;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;

namespace Detox.Tests.Ptx;

/// <summary>The project's kernels, and the PTX that ILGPU writes of them.</summary>
internal static class KernelTexts
{
    private static readonly Lazy<Context> _context = new(() => IlgpuDevices.CreateContext(IlgpuKind.Simulator));
    private static readonly Lazy<PTXBackend> _backend = new(() => new PTXBackend(_context.Value, CudaArchitecture.SM_80, CudaInstructionSet.ISA_78, null!));
    private static readonly ConcurrentDictionary<Type, string> _texts = [];

    /// <summary>Every kernel: those of groups; those of threads, with the kernel that numbers them around each; products, with every kind of sums and of access.</summary>
    public static IEnumerable<Type> All()
    {
        Type[] types = [.. typeof(IKernel).Assembly.GetTypes().Where(type => type is { IsValueType: true, IsGenericTypeDefinition: false })];
        return
        [
            .. types.Where(type => type.IsAssignableTo(typeof(IKernel))),
            .. types.Where(type => type.IsAssignableTo(typeof(IThread))).Select(type => typeof(Each<>).MakeGenericType(type)),
            .. from product in types.Where(type => type.IsAssignableTo(typeof(IProduct)))
               from sums in types.Where(type => type.IsAssignableTo(typeof(ISums)))
               from access in types.Where(type => type.IsAssignableTo(typeof(IAccess)))
               select typeof(Tiled<,,>).MakeGenericType(product, sums, access),
        ];
    }

    /// <summary>"ReluForward.Thread", "WinogradForward.Product Sums128 InFours".</summary>
    public static string NameOf(Type kernel)
    {
        Type[] parts = kernel.IsGenericType ? kernel.GetGenericArguments() : [kernel];
        return string.Join(' ', [$"{parts[0].DeclaringType?.Name}.{parts[0].Name}", .. parts.Skip(1).Select(part => part.Name)]);
    }

    public static IEnumerable<TestCaseData> Cases() => All().Select(kernel => new TestCaseData(kernel).SetArgDisplayNames(NameOf(kernel)));

    /// <summary>In the version of PTX that CUDA 11.8 assembles, and every later one.</summary>
    public static string Of(Type kernel) => _texts.GetOrAdd(kernel, _ => ((PTXCompiledKernel)Launcher.Compile(_backend.Value, kernel)).PTXAssembly);

    /// <summary>Writes every kernel's text to a file of its own.</summary>
    public static int WriteAll(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (Type kernel in All()) File.WriteAllText(Path.Combine(folder, $"{NameOf(kernel)}.ptx"), Of(kernel));
        return 0;
    }
}
