using System.Text;
using Detox.Mpi.Reports;

namespace Detox.Mpi.Sweeps;

/// <summary>output.log of a cell: what a run alone says on the console. While it is open no other process runs the cell.</summary>
/// <remarks>The lock ends with the process, whatever ends that. A full disk takes lines, and nothing else.</remarks>
internal sealed class CellLog : TextWriter
{
    private const string Error = "detox: ", UnexpectedError = "unexpected error";

    /// <summary>Linux: EWOULDBLOCK, by which a lock of another is told.</summary>
    private const int WouldBlock = 11;

    private readonly StreamWriter _file;
    private readonly Lock _lock = new();

    private CellLog(FileStream file) => _file = new StreamWriter(file, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true };

    public override Encoding Encoding => _file.Encoding;

    /// <summary>The last error or warning; null where there was none.</summary>
    public string? LastProblem { get; private set; }

    /// <summary>Opens the log of a cell at its end, and claims the cell; null where another process has it.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static CellLog? TryOpen(string folder)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, RunFolder.Output);
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        }
        catch (IOException error) when (error.HResult == WouldBlock)
        {
            return null;
        }

        file.Seek(0, SeekOrigin.End);
        return new CellLog(file);
    }

    public override void Write(char value) => Write(value.ToString());

    public override void Write(string? value)
    {
        lock (_lock)
        {
            Losses.PassOver(() => _file.Write(value));
        }
    }

    public override void WriteLine(string? value)
    {
        lock (_lock)
        {
            if (value?.StartsWith(Error, StringComparison.Ordinal) == true) LastProblem = value[Error.Length..];
            else if (value?.StartsWith(UnexpectedError, StringComparison.Ordinal) == true) LastProblem = value.Split('\n')[0];
            Losses.PassOver(() => _file.WriteLine(value));
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) Losses.PassOver(_file.Dispose);
        base.Dispose(disposing);
    }
}
