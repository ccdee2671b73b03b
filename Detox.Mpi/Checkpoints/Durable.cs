using Detox.Mpi.Messaging;

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

    /// <summary>The names in a folder, which its files' own bytes do not say.</summary>
    /// <exception cref="IOException">The folder cannot be synchronised.</exception>
    public static void SyncFolder(string path) => LibC.SyncFolder(path);
}
