using System.Buffers;
using System.Security.Cryptography;

namespace Detox.Mpi.Reports;

/// <summary>The digests by which the lines of steps.jsonl hold together: each line ends with one of the line before's digest and of itself.</summary>
/// <remarks>The first stands on config.toml. Whoever changes a byte would have to change every line that follows.</remarks>
internal sealed class StepChain
{
    private const int DigestBytes = SHA256.HashSizeInBytes;
    private const int DigitCount = 2 * DigestBytes;
    private readonly byte[] _last;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private StepChain(byte[] last) => _last = last;

    /// <summary>The digest of the last line.</summary>
    public string Last => Convert.ToHexStringLower(_last);

    private static ReadOnlySpan<byte> Member => ",\"chain\":\""u8;

    private static ReadOnlySpan<byte> End => "\"}"u8;

    /// <param name="config">The bytes of config.toml.</param>
    public static StepChain Begin(ReadOnlySpan<byte> config) => new(SHA256.HashData(config));

    /// <summary>Goes on behind a line with this digest.</summary>
    public static StepChain From(string last) => new(Convert.FromHexString(last));

    /// <summary>Writes a line, without its line feed: an object, and the digest as its last member.</summary>
    public void Append(ReadOnlySpan<byte> line, IBufferWriter<byte> to)
    {
        Take(line);
        to.Write(line[..^1]);
        to.Write(Member);
        Span<byte> digits = to.GetSpan(DigitCount);
        Convert.TryToHexStringLower(_last, digits, out _);
        to.Advance(DigitCount);
        to.Write(End);
    }

    /// <summary>Whether a line, without its line feed, is the next one, whole and unchanged.</summary>
    public bool Accept(ReadOnlySpan<byte> line)
    {
        int body = line.Length - End.Length - DigitCount - Member.Length;
        if (body < 1 || !line.EndsWith(End) || !line[body..].StartsWith(Member)) return false;
        Take([.. line[..body], (byte)'}']);
        Span<byte> digits = stackalloc byte[DigitCount];
        Convert.TryToHexStringLower(_last, digits, out _);
        return line.Slice(body + Member.Length, DigitCount).SequenceEqual(digits);
    }

    private void Take(ReadOnlySpan<byte> line)
    {
        _hash.AppendData(_last);
        _hash.AppendData(line);
        _hash.GetHashAndReset(_last);
    }
}
