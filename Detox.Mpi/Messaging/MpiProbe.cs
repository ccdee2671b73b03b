using System.Diagnostics;

namespace Detox.Mpi.Messaging;

/// <summary>What of MPI this machine has, for a person who asks.</summary>
public static class MpiProbe
{
    /// <summary>The hidden verb with which the program asks a library for its version in a process of its own, where a
    /// library that crashes does no harm. Its argument is the library; see <see cref="RunChild"/>.</summary>
    public const string Verb = "mpi-version";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);
    private static readonly string[] _launchers = ["mpiexec", "mpiexec.openmpi", "mpiexec.mpich", "mpiexec.hydra", "mpirun", "srun"];

    /// <summary>The first loadable library of each family, or why there is none.</summary>
    public static IReadOnlyList<FoundLibrary> Libraries() => [.. Enum.GetValues<MpiFamily>().Select(Find)];

    /// <summary>The launchers on PATH, by name.</summary>
    public static IReadOnlyList<(string Name, string Path)> Launchers()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        return [.. from name in _launchers
                   let path = folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
                   where path is not null
                   select (name, path)];
    }

    /// <summary>One sentence: how a run started like this process would exchange messages.</summary>
    public static string WouldUse(Launcher launcher, string? wish)
    {
        if (!launcher.IsLaunched) return "no launcher started this process: all ranks run in it, without MPI";
        try
        {
            (MpiFamily? family, string? file) = MpiLocator.Choose(launcher, wish);
            string library = file ?? (family is { } known ? $"{MpiLocator.NameOf(known)} ({string.Join(" or ", MpiLocator.Sonames(known))})" : "none: the launcher gives no PMI");
            return $"{launcher.Name} started {launcher.Size} ranks; library: {library}";
        }
        catch (DetoxException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>Prints the version of a library; the exit code says whether that worked.</summary>
    public static int RunChild(string library)
    {
        try
        {
            Console.Out.WriteLine(MpiLibrary.Version(library));
            return 0;
        }
        catch (DetoxException exception)
        {
            Console.Error.WriteLine(exception.Message);
            return (int)exception.Code;
        }
    }

    private static FoundLibrary Find(MpiFamily family)
    {
        string firstProblem = "";
        foreach (string candidate in MpiLocator.Candidates(family))
        {
            (bool works, string text) = Ask(candidate);
            if (works) return new(family, candidate, text, null);
            if (firstProblem.Length == 0 || firstProblem.Contains("No such file", StringComparison.Ordinal)) firstProblem = text;
        }
        return new(family, null, null, $"{firstProblem}; to have it, {MpiLocator.Advice(family)}");
    }

    private static (bool Works, string Text) Ask(string library)
    {
        ProcessStartInfo start = new(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList = { "exec", typeof(MpiProbe).Assembly.Location, Verb, library },
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(_patience))
        {
            process.Kill(entireProcessTree: true);
            return (false, $"{library} gave no version within {_patience.TotalSeconds} s");
        }
        string said = (process.ExitCode == 0 ? output : errors).Result.Trim();
        return (process.ExitCode == 0, said.Length > 0 ? said.Split('\n')[0].Trim() : $"{library} ended its process with code {process.ExitCode}");
    }
}

/// <summary>A library that was found, or the reason why none was.</summary>
public sealed record FoundLibrary(MpiFamily Family, string? Path, string? Version, string? Problem);
