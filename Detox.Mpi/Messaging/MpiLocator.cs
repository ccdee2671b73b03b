using System.Runtime.InteropServices;

namespace Detox.Mpi.Messaging;

/// <summary>Where the MPI libraries of a family are looked for, and which family is wanted.</summary>
internal static class MpiLocator
{
    /// <summary>A family's name (openmpi, mpich) or the path of a library; wins over what the launcher suggests.</summary>
    public const string Variable = "DETOX_MPI";

    public static string NameOf(MpiFamily family) => family == MpiFamily.OpenMpi ? "Open MPI" : "MPICH";

    /// <summary>The file names to look for. MPICH's kin agreed on libmpi.so.12; Debian's MPICH has its own name.</summary>
    public static string[] Sonames(MpiFamily family) => family == MpiFamily.OpenMpi ? ["libmpi.so.40"] : ["libmpich.so.12", "libmpi.so.12"];

    public static string Advice(MpiFamily family) => family == MpiFamily.OpenMpi
        ? "install it (Debian and Ubuntu: apt install openmpi-bin), load its module (module load openmpi), or set DETOX_MPI to the path of libmpi.so.40"
        : "install it (Debian and Ubuntu: apt install mpich), load its module (module load mpich, intel-mpi or cray-mpich), or set DETOX_MPI to the path of libmpi.so.12 or libmpich.so.12";

    /// <summary>What may be given to the loader, best first: by name (the loader's own paths and LD_LIBRARY_PATH), then full paths.</summary>
    public static IEnumerable<string> Candidates(MpiFamily family)
    {
        string[] names = Sonames(family);
        IEnumerable<string> files = from folder in Folders(family) from name in names select Path.Combine(folder, name);
        return names.Concat(files.Where(File.Exists)).Distinct();
    }

    private static IEnumerable<string> Folders(MpiFamily family)
    {
        string own = family == MpiFamily.OpenMpi ? "openmpi" : "mpich";
        string triple = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
        string[] roots = [.. new[] { "MPI_HOME", "MPI_ROOT", "I_MPI_ROOT", "OPAL_PREFIX", "MPICH_DIR", "EBROOTOPENMPI", "EBROOTMPICH" }
            .Select(Environment.GetEnvironmentVariable).OfType<string>()];
        IEnumerable<string> besideLauncher = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Where(folder => File.Exists(Path.Combine(folder, "mpiexec")) && Path.GetFileName(folder) == "bin")
            .Select(folder => Path.GetDirectoryName(folder)!);
        foreach (string root in roots.Concat(besideLauncher).Concat([$"/usr/lib64/{own}", $"/usr/lib/{triple}/{own}", $"/opt/{own}", "/usr/local"]))
        {
            yield return Path.Combine(root, "lib");
            yield return Path.Combine(root, "lib64");
            yield return Path.Combine(root, "lib", "release");
        }
        yield return $"/usr/lib/{triple}";
        yield return "/usr/lib64";
    }

    /// <summary>Which family, or which file of it, the launcher and <see cref="Variable"/> ask for.</summary>
    public static (MpiFamily? Family, string? File) Choose(Launcher launcher, string? wish)
    {
        if (string.IsNullOrWhiteSpace(wish)) return (launcher.Family, null);
        switch (wish.Trim().ToLowerInvariant())
        {
            case "openmpi" or "open-mpi" or "ompi":
                return (MpiFamily.OpenMpi, null);
            case "mpich":
                return (MpiFamily.Mpich, null);
        }
        if (wish.Contains('/') || wish.Contains(".so", StringComparison.Ordinal)) return (null, wish);
        throw new DetoxException(ExitCode.Environment,
            $"{Variable}: expected openmpi, mpich or the path of a library, found '{wish}'. Unset it to let the launcher decide.");
    }
}
