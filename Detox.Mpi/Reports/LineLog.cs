using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace Detox.Mpi.Reports;

/// <summary>How far a log has been written, and the digest of what it holds.</summary>
internal readonly record struct LogMark(long Bytes, string Sha256)
{
    /// <summary>Of a file's first bytes, or of all where it has fewer.</summary>
    public static LogMark Of(string path, long bytes)
    {
        using FileStream file = File.OpenRead(path);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        return new(Take(file, bytes, hash), Convert.ToHexStringLower(hash.GetCurrentHash()));
    }

    /// <summary>Reads so many bytes, or all that there are, into a digest; how many there were.</summary>
    internal static long Take(Stream file, long bytes, IncrementalHash hash)
    {
        byte[] piece = new byte[1 << 16];
        long taken = 0;
        while (taken < bytes && file.Read(piece, 0, (int)Math.Min(piece.Length, bytes - taken)) is > 0 and int read)
        {
            hash.AppendData(piece, 0, read);
            taken += read;
        }

        return taken;
    }
}

/// <summary>A file that grows by whole lines and holds nothing else, whatever becomes of the disk or of the process.</summary>
/// <remarks>Lines are collected until <see cref="Commit"/> hands them to the system in one write, where a reader sees them and the end of
/// the process cannot take them back. A commit is all or nothing: a full disk takes a part of a write, so a failed one is cut off again.
/// The file then stays as it is for the rest of the run, even if there is room again: behind a hole the lines would be
/// misread as those of the steps before it.</remarks>
internal sealed class LineLog : IDisposable
{
    private readonly Stream _file;
    private readonly string _name;
    private readonly Losses _losses;
    private readonly ArrayBufferWriter<byte> _pending = new(initialCapacity: 1024);
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _length;
    private bool _isLost;

    /// <param name="file">Empty, without a buffer of its own, and able to be cut.</param>
    /// <param name="header">The first line; null where there is none. It is written at once, and its failure is the caller's.</param>
    public LineLog(Stream file, string name, string? header, Losses losses)
    {
        _file = file;
        _name = name;
        _losses = losses;
        if (header is null) return;
        Add(header);
        Append();
        _pending.ResetWrittenCount();
    }

    /// <summary>What the file holds.</summary>
    public LogMark Mark => new(_length, Convert.ToHexStringLower(_hash.GetCurrentHash()));

    /// <summary>Takes the bytes of lines, each with its line feed.</summary>
    public IBufferWriter<byte> Pending => _pending;

    /// <summary>Makes a file that must not exist yet; others may read it while it grows.</summary>
    public static LineLog Create(string path, string? header, Losses losses)
    {
        FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        try
        {
            return new LineLog(file, path, header, losses);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens a file that goes on behind its first bytes: what follows them is cut off. One that is shorter, or is not there, is an
    /// <see cref="InvalidDataException"/>; whether the bytes are the right ones <see cref="Mark"/> says.</summary>
    public static LineLog Continue(string path, long length, Losses losses)
    {
        FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        try
        {
            LineLog log = new(file, path, header: null, losses);
            log._length = LogMark.Take(file, length, log._hash);
            if (log._length < length) throw new InvalidDataException($"{path} has {log._length} bytes where {length} are expected");
            file.SetLength(length);
            return log;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Writes the digest of what the file holds: 64 digits.</summary>
    public void WriteDigest(Span<byte> digits)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        _hash.GetCurrentHash(digest);
        Convert.TryToHexStringLower(digest, digits, out _);
    }

    public void Add(string line)
    {
        Encoding.UTF8.GetBytes(line, _pending);
        EndLine();
    }

    public void EndLine() => _pending.Write("\n"u8);

    /// <summary>Appends the pending lines; where there are none, or the file has been given up, it does nothing.</summary>
    public void Commit()
    {
        if (_pending.WrittenCount > 0 && !_isLost)
        {
            try
            {
                Append();
            }
            catch (Exception error) when (Losses.Covers(error))
            {
                Lose(error, CutBack() ? "it ends with its last whole line" : "its last line may be torn");
            }
        }

        _pending.ResetWrittenCount();
    }

    /// <summary>Waits until what the file holds is on the disk; from any thread.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void Flush()
    {
        if (_file is FileStream file) RandomAccess.FlushToDisk(file.SafeFileHandle);
    }

    /// <summary>No line follows: waits for the disk, as a network file system may say only then that it is full.</summary>
    public void Complete()
    {
        if (_isLost) return;
        try
        {
            Flush();
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            Lose(error, "its last lines may be missing");
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        _hash.Dispose();
    }

    private void Append()
    {
        _file.Write(_pending.WrittenSpan);
        _length += _pending.WrittenCount;
        _hash.AppendData(_pending.WrittenSpan);
    }

    private void Lose(Exception error, string consequence)
    {
        _isLost = true;
        _losses.Add(_name, error, consequence);
    }

    private bool CutBack()
    {
        try
        {
            _file.SetLength(_length);
            return true;
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            return false;
        }
    }
}
