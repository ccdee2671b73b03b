using Detox.Mpi.Messaging;
using Detox.Mpi.Reports;

namespace Detox.Mpi.Checkpoints;

/// <summary>Files that are on the disk when the call returns, so that a power cut cannot take them back.</summary>
internal static class Durable
{
    /// <summary>Makes a file that must not exist yet.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        const int buffer = 1 << 16;
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, buffer);
        write(file);
        file.Flush(flushToDisk: true);
    }

    /// <summary>The file gets its name when all of it is on the disk, so that nobody ever reads half of it; one of that name is replaced.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> bytes)
    {
        string draft = path + ".part";
        try
        {
            using (FileStream stream = new(draft, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }

            File.Move(draft, path, overwrite: true);
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            Losses.PassOver(() => File.Delete(draft));
            throw;
        }
    }

    /// <summary>The names in a folder, which its files' own bytes do not say.</summary>
    /// <exception cref="IOException">The folder cannot be synchronised.</exception>
    public static void SyncFolder(string path) => LibC.SyncFolder(path);
}
