using Detox.Gpu.Devices.Ilgpu;
using NUnit.Framework;

namespace Detox.Tests.Kernels;

/// <summary>Whether a kind of GPU can be tested here.</summary>
internal static class OpenCl
{
    /// <summary>Without a GPU nothing runs CUDA. OpenCL runs on any CPU, so only a machine that nobody prepared may lack it.</summary>
    public static void Require(IlgpuKind kind)
    {
        if (kind == IlgpuKind.Simulator || IlgpuDevice.Count(kind) > 0) return;
        if (kind == IlgpuKind.Cuda) Assert.Ignore("There is no CUDA device here: CUDA is not verified by this run, only its PTX.");
        const string reason = "There is no OpenCL device here; apt install pocl-opencl-icd";
        if (Environment.GetEnvironmentVariable("CI") is { Length: > 0 }) Assert.Fail(reason);
        Assert.Ignore(reason);
    }
}
