using System.Runtime.InteropServices;

namespace Detox.Mpi.Reports;

/// <summary>Takes a folder for one run alone.</summary>
internal static partial class FolderClaim
{
    private const int AlreadyExists = 17;
    private const uint AsTheUmaskAllows = 0x1FF;

    /// <summary>Makes the folder, and those above it where they are missing; false where it exists already.</summary>
    /// <remarks>Of several that try at once one alone is told true: mkdir decides it, on network file systems too.
    /// Directory.CreateDirectory does not say who made the folder, and who looks first and makes it then may be late.</remarks>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    public static bool TryMake(string path)
    {
        string folder = Path.TrimEndingDirectorySeparator(path);
        if (Path.GetDirectoryName(folder) is { Length: > 0 } parent) Directory.CreateDirectory(parent);
        if (MakeDirectory(folder, AsTheUmaskAllows) == 0) return true;
        int error = Marshal.GetLastPInvokeError();
        return error == AlreadyExists ? false : throw new IOException(Marshal.GetPInvokeErrorMessage(error));
    }

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeDirectory(string path, uint mode);
}
