using System.Buffers;
using System.Text;

namespace Detox.Mpi.Reports;

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
        _file.Write(_pending.WrittenSpan);
        _length = _pending.WrittenCount;
        _pending.ResetWrittenCount();
    }

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
                _file.Write(_pending.WrittenSpan);
                _length += _pending.WrittenCount;
            }
            catch (Exception error) when (Losses.Covers(error))
            {
                Lose(error, CutBack() ? "it ends with its last whole line" : "its last line may be torn");
            }
        }

        _pending.ResetWrittenCount();
    }

    /// <summary>No line follows: waits for the disk, as a network file system may say only then that it is full.</summary>
    public void Complete()
    {
        if (_isLost) return;
        try
        {
            (_file as FileStream)?.Flush(flushToDisk: true);
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            Lose(error, "its last lines may be missing");
        }
    }

    public void Dispose() => _file.Dispose();

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
