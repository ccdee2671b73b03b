using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Detox.Gpu.Digests;

/// <summary>Digests of a whole vector, as its floats lie in memory, little end first.</summary>
public static class WeightsDigest
{
    /// <summary>XXH128 with seed 0: tells whether a broadcast arrived as it was sent. Not against malice.</summary>
    public static UInt128 Xxh128(ReadOnlySpan<float> weights) => XxHash128.HashToUInt128(MemoryMarshal.AsBytes(weights));

    /// <summary>SHA-256 in lowercase hexadecimal: names the weights in reports, as sha256sum of the raw floats would.</summary>
    public static string Sha256(ReadOnlySpan<float> weights)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(weights), digest);
        return Convert.ToHexStringLower(digest);
    }
}
