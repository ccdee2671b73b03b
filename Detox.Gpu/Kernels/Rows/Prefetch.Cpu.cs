using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Detox.Gpu.Kernels;

/// <summary>Asks for memory that will be read soon. The processor follows a few streams by itself, not one a row.</summary>
internal static unsafe class Prefetch
{
    public const int LineFloats = 16;

    /// <summary>Brings the cache line that holds <paramref name="address"/>, which need not exist, to the second-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FarLine(float* address)
    {
        if (Sse.IsSupported) Sse.Prefetch1(address);
    }
}
