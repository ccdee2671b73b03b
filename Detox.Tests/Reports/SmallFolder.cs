using System.Diagnostics;
using System.Globalization;
using NUnit.Framework;

namespace Detox.Tests.Reports;

/// <summary>A folder with a disk of its own of a few kilobytes; it takes the right to mount one.</summary>
internal sealed class SmallFolder : IDisposable
{
    /// <summary>Ignores the test where nothing may be mounted.</summary>
    public SmallFolder(int kilobytes)
    {
        Path = Directory.CreateTempSubdirectory("detox-small-").FullName;
        if (Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={kilobytes}k"), "tmpfs", Path)) return;
        Directory.Delete(Path);
        Assert.Ignore("A tmpfs cannot be mounted here; as root the test runs.");
    }

    public string Path { get; }

    /// <summary>Takes all room but some, by a file.</summary>
    public void FillBut(int bytes)
    {
        string ballast = System.IO.Path.Combine(Path, "ballast");
        using FileStream file = new(ballast, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true) file.Write(new byte[1024]);
        }
        catch (IOException)
        {
            // Full, as intended.
        }

        file.SetLength(file.Length - bytes);
    }

    public void Dispose()
    {
        // Lazily, since a failing test may have left a file open.
        Run("umount", "-l", Path);
        Directory.Delete(Path);
    }

    private static bool Run(string command, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
