using System.Buffers;
using System.Runtime.InteropServices;

namespace Detox.Gpu.Digests;

/// <summary>What a rank votes with: 32 bytes that stand for its vector. XXH128 fills the first 16; the rest are 0.</summary>
/// <remarks>It is sent as it lies in memory.</remarks>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct Ballot
{
    public const int Bytes = 32;

    private readonly ulong _a;
    private readonly ulong _b;
    private readonly ulong _c;
    private readonly ulong _d;

    /// <summary>All zero: the ballot of a vector with a NaN or an infinity. It never wins.</summary>
    public static Ballot Invalid => default;

    public bool IsInvalid => this == default;

    /// <param name="digest">At most 32 bytes.</param>
    public static Ballot Of(ReadOnlySpan<byte> digest)
    {
        Ballot ballot = default;
        digest.CopyTo(MemoryMarshal.AsBytes(new Span<Ballot>(ref ballot)));
        return ballot;
    }

    /// <summary>The BLAKE3 of some bytes.</summary>
    public static Ballot Blake3Of(ReadOnlySpan<byte> bytes)
    {
        Span<byte> digest = stackalloc byte[Bytes];
        Blake3.Tree(bytes, 0, isRoot: true, digest);
        return Of(digest);
    }

    public void CopyTo(Span<byte> to) => MemoryMarshal.AsBytes(new ReadOnlySpan<Ballot>(in this)).CopyTo(to);

    /// <summary>What <see cref="ToString"/> has written; null where the text is nothing of that kind.</summary>
    public static Ballot? Parse(string text)
    {
        Span<byte> digest = stackalloc byte[Bytes];
        return text.Length == 2 * Bytes && Convert.FromHexString(text, digest, out _, out _) == OperationStatus.Done ? Of(digest) : null;
    }

    /// <summary>Writes the 64 hexadecimal digits as ASCII.</summary>
    public void Write(Span<byte> digits) => Convert.TryToHexStringLower(MemoryMarshal.AsBytes(new ReadOnlySpan<Ballot>(in this)), digits, out _);

    /// <summary>64 hexadecimal digits.</summary>
    public override string ToString()
        => Convert.ToHexStringLower(MemoryMarshal.AsBytes(new ReadOnlySpan<Ballot>(in this)));
}
