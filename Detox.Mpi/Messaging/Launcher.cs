using System.Collections;
using System.Globalization;

namespace Detox.Mpi.Messaging;

/// <summary>What started this process, and as which of how many ranks: read from the environment alone, so that it is known
/// before MPI works and only one rank prints what is wrong with it.</summary>
/// <param name="Kind">The launcher; <see cref="LauncherKind.None"/> means that no MPI library is loaded at all.</param>
/// <param name="Family">The family of libraries that this launcher can wire up; null without a launcher.</param>
/// <param name="Rank">The rank that the launcher gave; 0 without one.</param>
/// <param name="Size">The number of processes started; 0 where the launcher does not say.</param>
/// <param name="LocalRank">This process's number on its node; null where the launcher does not say.</param>
public sealed record Launcher(LauncherKind Kind, MpiFamily? Family, int Rank, int Size, int? LocalRank = null)
{
    private static readonly string[] _pmi = ["PMI_RANK", "PMI_FD", "PMI_PORT", "PMI2_RANK", "PMI_JOBID"];
    private static readonly string[] _pmix = ["PMIX_RANK", "PMIX_NAMESPACE"];

    /// <summary>Whether one of mpiexec, srun and their kin started this process as one of its ranks.</summary>
    public bool IsLaunched => Kind != LauncherKind.None;

    /// <summary>No launcher: all ranks run in this process.</summary>
    public static Launcher None { get; } = new(LauncherKind.None, null, 0, 1);

    /// <summary>Whether the death of a rank leaves the others alive (mpiexec --enable-recovery of Open MPI).</summary>
    public static bool RecoversFromDeath => Environment.GetEnvironmentVariable("OMPI_MCA_orte_enable_recovery") is "1" or "true";

    /// <summary>Whether the launcher itself says which rank has died, and on which host. Hydra names a host and a process, and not always
    /// those of the rank that died.</summary>
    public bool NamesTheDead => Kind != LauncherKind.Hydra;

    public static Launcher Detect() => Detect(Environment.GetEnvironmentVariables());

    /// <param name="variables">The environment, as strings by name.</param>
    public static Launcher Detect(IDictionary variables)
    {
        bool Has(string name) => variables[name] is string { Length: > 0 };
        int? Said(params string[] names)
        {
            foreach (string name in names)
            {
                if (int.TryParse(variables[name] as string, NumberStyles.None, CultureInfo.InvariantCulture, out int value)) return value;
            }
            return null;
        }

        int Number(int otherwise, params string[] names) => Said(names) ?? otherwise;

        if (Has("OMPI_COMM_WORLD_SIZE"))
            return new(LauncherKind.OpenMpi, MpiFamily.OpenMpi, Number(0, "OMPI_COMM_WORLD_RANK"), Number(0, "OMPI_COMM_WORLD_SIZE"), Said("OMPI_COMM_WORLD_LOCAL_RANK"));

        // Before srun: Hydra starts its proxies with srun, and its own numbers are then the right ones.
        if (Has("MPI_LOCALNRANKS") || Has("MV2_COMM_WORLD_SIZE") || (Has("PMI_SIZE") && !Has("SLURM_STEP_ID")))
            return new(LauncherKind.Hydra, MpiFamily.Mpich, Number(0, "PMI_RANK", "MV2_COMM_WORLD_RANK"), Number(0, "PMI_SIZE", "MV2_COMM_WORLD_SIZE"), Said("MPI_LOCALRANKID", "MV2_COMM_WORLD_LOCAL_RANK"));

        // One task is not a cluster: `srun dotnet ...` in a job of one node runs all its ranks in one process.
        int tasks = Number(1, "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS");
        if (Has("SLURM_STEP_ID") && tasks > 1)
        {
            MpiFamily? family = _pmix.Any(Has) ? MpiFamily.OpenMpi : _pmi.Any(Has) ? MpiFamily.Mpich : null;
            return new(LauncherKind.Slurm, family, Number(0, "SLURM_PROCID", "PMIX_RANK", "PMI_RANK"), tasks, Said("SLURM_LOCALID"));
        }

        if (!Has("SLURM_STEP_ID") && _pmix.All(Has))
            return new(LauncherKind.Prrte, MpiFamily.OpenMpi, Number(0, "PMIX_RANK"), 0);

        return None;
    }

    /// <summary>The launcher's name as a person types it.</summary>
    public string Name => Kind switch
    {
        LauncherKind.OpenMpi => "Open MPI's mpiexec",
        LauncherKind.Hydra => "MPICH's mpiexec",
        LauncherKind.Prrte => "prterun",
        LauncherKind.Slurm => "srun",
        _ => "no launcher",
    };
}

public enum LauncherKind
{
    None,

    /// <summary>mpiexec or mpirun of Open MPI.</summary>
    OpenMpi,

    /// <summary>mpiexec of MPICH, Intel MPI or MVAPICH: Hydra, or another that speaks PMI.</summary>
    Hydra,

    /// <summary>prterun, or another that speaks PMIx and nothing else.</summary>
    Prrte,

    Slurm,
}

/// <summary>MPI libraries of one binary interface.</summary>
public enum MpiFamily
{
    /// <summary>MPICH, Intel MPI, MVAPICH, Cray MPICH: handles are 32-bit numbers.</summary>
    Mpich,

    /// <summary>Open MPI: handles are addresses of symbols of the library.</summary>
    OpenMpi,
}
