using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>All processes that have a variable of a value in their environment: whoever has inherited it, and whatever became of who has set it.</summary>
internal sealed class MarkedProcesses(string name, string value)
{
    private readonly string _entry = $"{name}={value}";

    /// <summary>Waits until none is left; the test fails where one stays.</summary>
    public void AssertNoneIsLeft(string of)
    {
        const int seconds = 10;
        DateTime limit = DateTime.UtcNow.AddSeconds(seconds);
        int[] left = Find();
        while (left.Length > 0 && DateTime.UtcNow < limit)
        {
            Thread.Sleep(20);
            left = Find();
        }

        Assert.That(left, Is.Empty, $"processes that are left {seconds} s after the end of {of}");
    }

    /// <summary>Kills all, those too that come into being meanwhile.</summary>
    public void Kill()
    {
        for (int attempt = 0; attempt < 10; attempt++)
        {
            int[] found = Find();
            if (found.Length == 0) return;
            foreach (int process in found) MpiJob.Signal(process, MpiJob.Kill);
            Thread.Sleep(50);
        }
    }

    private int[] Find()
    {
        List<int> found = [];
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(folder), out int process) && process != Environment.ProcessId && IsMarked(folder)) found.Add(process);
        return [.. found];
    }

    private bool IsMarked(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "environ")).Split('\0').Contains(_entry);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile, or is another user's.
            return false;
        }
    }
}
