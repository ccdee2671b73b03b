using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Detox.Mpi.Data;

namespace Detox.Tests.Data;

/// <summary>SHA-256 of samples, labels and all: by it the bits of a set are compared.</summary>
internal static class SampleDigest
{
    public static string Of(Dataset data, int count) => Of(data, 0, count);

    public static string Of(Dataset data, int first, int count)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var pixels = new float[data.Shape.Length];
        for (int i = first; i < first + count; i++)
        {
            int label = data.Read(i, pixels);
            hash.AppendData([(byte)label]);
            hash.AppendData(MemoryMarshal.AsBytes(pixels.AsSpan()));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
