using Detox.Mpi;
using Detox.Mpi.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

[TestFixture]
public sealed class LauncherTests
{
    private static IEnumerable<TestCaseData> Environments()
    {
        static TestCaseData Case(string name, Launcher expected, params string[] variables)
            => new TestCaseData(variables, expected).SetArgDisplayNames(name);

        Launcher none = new(LauncherKind.None, null, 0, 1);
        yield return Case("nothing", none);
        yield return Case("Open MPI", new(LauncherKind.OpenMpi, MpiFamily.OpenMpi, 4, 45, 1),
            "OMPI_COMM_WORLD_SIZE=45", "OMPI_COMM_WORLD_RANK=4", "OMPI_COMM_WORLD_LOCAL_RANK=1", "OMPI_COMM_WORLD_LOCAL_SIZE=23", "PMIX_RANK=4", "SLURM_STEP_ID=0");
        yield return Case("Hydra", new(LauncherKind.Hydra, MpiFamily.Mpich, 7, 9, 2),
            "PMI_SIZE=9", "PMI_RANK=7", "MPI_LOCALNRANKS=3", "MPI_LOCALRANKID=2", "PMI_FD=6");
        yield return Case("Hydra that srun started", new(LauncherKind.Hydra, MpiFamily.Mpich, 7, 9, 2),
            "PMI_SIZE=9", "PMI_RANK=7", "MPI_LOCALNRANKS=3", "MPI_LOCALRANKID=2", "SLURM_STEP_ID=1", "SLURM_STEP_NUM_TASKS=3", "SLURM_PROCID=1");
        yield return Case("another PMI", new(LauncherKind.Hydra, MpiFamily.Mpich, 1, 2), "PMI_SIZE=2", "PMI_RANK=1");
        yield return Case("MVAPICH's mpirun_rsh", new(LauncherKind.Hydra, MpiFamily.Mpich, 1, 2, 1),
            "MV2_COMM_WORLD_SIZE=2", "MV2_COMM_WORLD_RANK=1", "MV2_COMM_WORLD_LOCAL_RANK=1", "MV2_COMM_WORLD_LOCAL_SIZE=2");
        yield return Case("srun --mpi=pmix", new(LauncherKind.Slurm, MpiFamily.OpenMpi, 5, 45, 5),
            "SLURM_STEP_ID=0", "SLURM_STEP_NUM_TASKS=45", "SLURM_PROCID=5", "SLURM_LOCALID=5", "SLURM_STEP_TASKS_PER_NODE=23(x1),22", "PMIX_RANK=5", "PMIX_NAMESPACE=s");
        yield return Case("srun --mpi=pmi2", new(LauncherKind.Slurm, MpiFamily.Mpich, 5, 45, 5),
            "SLURM_STEP_ID=0", "SLURM_NTASKS=45", "SLURM_PROCID=5", "SLURM_LOCALID=5", "SLURM_TASKS_PER_NODE=45", "PMI_FD=12", "PMI_RANK=5", "PMI_SIZE=45");
        yield return Case("srun --mpi=none", new(LauncherKind.Slurm, null, 5, 45, 5),
            "SLURM_STEP_ID=0", "SLURM_NTASKS=45", "SLURM_PROCID=5", "SLURM_LOCALID=5", "SLURM_TASKS_PER_NODE=45");
        yield return Case("one task of srun", none, "SLURM_STEP_ID=0", "SLURM_STEP_NUM_TASKS=1", "SLURM_NTASKS=45", "SLURM_PROCID=0");
        yield return Case("a batch script before srun", none, "SLURM_JOB_ID=77", "SLURM_NTASKS=45", "SLURM_PROCID=0");
        yield return Case("prterun", new(LauncherKind.Prrte, MpiFamily.OpenMpi, 3, 0), "PMIX_RANK=3", "PMIX_NAMESPACE=prterun");
    }

    [TestCaseSource(nameof(Environments))]
    public void TheEnvironmentSaysWhoStartedThis(string[] variables, Launcher expected)
        => Assert.That(Launcher.Detect(variables.Select(variable => variable.Split('=')).ToDictionary(parts => parts[0], parts => parts[1])), Is.EqualTo(expected));

    [Test]
    public void TasksThatCannotMeetAreRefusedWithWhatToType()
    {
        Launcher launcher = new(LauncherKind.Slurm, null, 0, 45);
        DetoxException error = Assert.Throws<DetoxException>(() => MpiLibrary.Load(launcher, null))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.Environment));
        Assert.That(error.Message, Does.Contain("srun --mpi=pmix").And.Contain("srun --mpi=pmi2").And.Contain("45 tasks"));
    }

    [Test]
    public void AMissingLibrarySaysWhatToInstall()
    {
        foreach (MpiFamily family in Enum.GetValues<MpiFamily>())
            Assert.That(MpiLocator.Advice(family), Does.Contain("apt install").And.Contain("DETOX_MPI"));
    }

    [TestCase("openmpi", MpiFamily.OpenMpi)]
    [TestCase("MPICH", MpiFamily.Mpich)]
    public void TheVariableNamesAFamily(string wish, MpiFamily family)
        => Assert.That(MpiLocator.Choose(new(LauncherKind.Slurm, MpiFamily.OpenMpi, 0, 2), wish), Is.EqualTo(((MpiFamily?)family, (string?)null)));

    [Test]
    public void TheProbeFindsWhatIsInstalledAndCannotCrash()
    {
        MpiRunner.Require(MpiRunner.OpenMpi);
        MpiRunner.Require(MpiRunner.Mpich);
        IReadOnlyList<FoundLibrary> libraries = MpiProbe.Libraries();
        Assert.That(libraries.Single(library => library.Family == MpiFamily.OpenMpi).Version, Does.StartWith("Open MPI"));
        Assert.That(libraries.Single(library => library.Family == MpiFamily.Mpich).Version, Does.StartWith("MPICH"));
        Assert.That(MpiProbe.Launchers().Select(launcher => launcher.Name), Does.Contain("mpiexec.openmpi").And.Contain("mpiexec.mpich"));
        Assert.That(MpiProbe.WouldUse(Launcher.Detect(new Dictionary<string, string>()), null), Does.Contain("without MPI"));
    }
}
