using System.Reflection;
using System.Text.RegularExpressions;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using NUnit.Framework;

namespace Detox.Tests.Kernels;

/// <summary>What NVIDIA's assembler is given, read without a GPU: nothing in it may be rounded twice, fused or flushed.</summary>
public sealed class PtxTests
{
    private static readonly Lazy<(Context Context, PTXBackend Backend)> _compiler = new(() =>
    {
        Context context = IlgpuDevices.CreateContext(IlgpuKind.Simulator);
        return (context, new PTXBackend(context, CudaArchitecture.SM_90, CudaInstructionSet.ISA_80, null!));
    });

    private static IEnumerable<TestCaseData> Kernels() => typeof(Portable).Assembly.GetTypes()
        .Where(type => type.Namespace == typeof(Portable).Namespace)
        .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
        .Where(method => method.GetParameters() is [{ ParameterType: var first }, ..]
            && (first == typeof(Index1D) || (method.Name.EndsWith("Kernel", StringComparison.Ordinal) && method.ReturnType == typeof(void))))
        .Select(method => new TestCaseData(method).SetArgDisplayNames($"{method.DeclaringType!.Name}.{method.Name}"));

    [OneTimeTearDown]
    public void Close()
    {
        if (!_compiler.IsValueCreated) return;
        _compiler.Value.Backend.Dispose();
        _compiler.Value.Context.Dispose();
    }

    [TestCaseSource(nameof(Kernels))]
    public void RoundsEveryOperationOnce(MethodInfo kernel)
    {
        string ptx = Compile(kernel);
        foreach (string forbidden in (string[])[@"\bmad\.(rn\.)?f", @"\bmul\.f(32|64)", @"\.approx", @"\.ftz", @"\b(atom|red)\.", @"\bdiv\.full", @"\bex2\.", @"\blg2\."])
            Assert.That(Regex.Match(ptx, $".*{forbidden}.*").Value, Is.Empty, $"'{forbidden}' stands in it");
    }

    /// <summary>The test above sees what it looks for: the instructions that this project registered are there.</summary>
    [Test]
    public void TheRegisteredOperationsAreWritten()
    {
        Assert.That(Compile(typeof(ConvolutionForward).GetMethod("Kernel", BindingFlags.Static | BindingFlags.NonPublic)!), Does.Contain("fma.rn.f32"));
        string softmax = Compile(typeof(SoftmaxCrossEntropy).GetMethod("SampleKernel", BindingFlags.Static | BindingFlags.NonPublic)!);
        Assert.That(softmax, Does.Contain("mul.rn.f32").And.Contain("add.rn.f32").And.Contain("div.rn.f64"));
        Assert.That(Compile(typeof(BatchNorm).GetMethod("FactorKernel", BindingFlags.Static | BindingFlags.NonPublic)!), Does.Contain("sqrt.rn.f64"));
        Assert.That(Kernels().Count(), Is.GreaterThanOrEqualTo(30));
    }

    /// <summary>Sums in registers, tiles in shared memory and four words at a time: what the speed of a product rests on.</summary>
    [Test]
    public void AProductKeepsItsSumsInRegisters()
    {
        foreach (Type op in (Type[])[typeof(ConvolutionForward), typeof(ConvolutionBackwardInput)])
        {
            string ptx = Compile(op.GetMethod("DenseKernel", BindingFlags.Static | BindingFlags.NonPublic)!);
            Assert.That(ptx, Does.Contain("ld.shared.v4").And.Contain("bar.sync").And.Not.Contain(".local"));
            Assert.That(Regex.Count(ptx, @"fma\.rn\.f32"), Is.GreaterThanOrEqualTo(64));
        }
    }

    private static string Compile(MethodInfo kernel)
    {
        bool isGrouped = kernel.GetParameters()[0].ParameterType != typeof(Index1D);
        EntryPointDescription entry = isGrouped ? EntryPointDescription.FromExplicitlyGroupedKernel(kernel) : EntryPointDescription.FromImplicitlyGroupedKernel(kernel);
        return ((PTXCompiledKernel)_compiler.Value.Backend.Compile(entry, default)).PTXAssembly;
    }
}
