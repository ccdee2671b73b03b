using NUnit.Framework;

namespace Detox.Tests;

/// <summary>The repository that the tests run inside.</summary>
internal static class Repository
{
    public static string Path { get; } = Find();

    private static string Find()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder, "Detox.sln"))) folder = System.IO.Path.GetDirectoryName(folder);
        Assert.That(folder, Is.Not.Null, "the tests run inside the repository");
        return folder!;
    }
}
