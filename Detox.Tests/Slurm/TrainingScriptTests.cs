using System.Text;
using Detox.Mpi;
using Detox.Tests.Data;
using Detox.Tests.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Slurm;

/// <summary>What the scripts for training make of an end that SLURM itself brings about rarely: srun and scontrol are fakes.</summary>
public sealed class TrainingScriptTests
{
    private const string Stops = "mkdir -p runs/slurm-7 && touch runs/slurm-7/resume-me";

    [TestCase("exit 0", ExitCode.Environment, "", TestName = "AnSrunThatStartsNothingIsNoSuccess")]
    [TestCase($"{Stops}; exit 137", ExitCode.Done, "requeue 7\n", TestName = "RanksThatSrunKilledWhileTheyEndedHaveStopped")]
    [TestCase("exit 1", ExitCode.Unexpected, "", TestName = "WhatAnEarlierStartHasLeftIsNotTakenForAStop")]
    public void Ends(string srun, ExitCode expected, string scontrol)
        => AssertEnds($"{Stops} && exec jobs/slurm-mpich.sh", srun, expected, scontrol);

    [TestCase("exit 0", ExitCode.Done, "", TestName = "ASweepThatIsDoneIsNotStartedAgain")]
    [TestCase("exit 1", ExitCode.Unexpected, "", TestName = "ASweepThatFailedIsNotStartedAgain")]
    [TestCase("exit 85", ExitCode.Done, "requeue 7\n", TestName = "ASweepThatHasStoppedGoesBackToTheQueue")]
    [TestCase("trap 'exit 85' USR1; kill -USR1 $PPID; for i in $(seq 100); do sleep 0.1; done", ExitCode.Done, "requeue 7\n", TestName = "ASweepIsToldOfItsWalltime")]
    public void SweepEnds(string srun, ExitCode expected, string scontrol)
        => AssertEnds("exec jobs/slurm-sweep.sh grid.toml --out there", srun, expected, scontrol);

    [Test]
    public void ATaskOfAnArrayGoesBackAlone()
        => AssertEnds("exec jobs/slurm-sweep.sh grid.toml --out there", "exit 85", ExitCode.Done, "requeue 5_3\n", ("SLURM_ARRAY_JOB_ID", "5"), ("SLURM_ARRAY_TASK_ID", "3"));

    [Test]
    public void ASweepHasItsCores()
        => AssertEnds("exec jobs/slurm-sweep.sh grid.toml --out there", "echo \"$@\"", ExitCode.Done, "--mpi=none --ntasks=1 --cpus-per-task=8 dotnet publish/Detox.Mpi.dll sweep grid.toml --out there\n", ("SLURM_CPUS_PER_TASK", "8"));

    private static void AssertEnds(string script, string srun, ExitCode expected, string output, params (string Name, string Value)[] more)
    {
        using TempFolder folder = new();
        folder.Write("srun", Encoding.UTF8.GetBytes($"#!/bin/bash\n{srun}\n"));
        folder.Write("scontrol", Encoding.UTF8.GetBytes("#!/bin/bash\necho \"$@\"\n"));
        Directory.CreateSymbolicLink(Path.Combine(folder.Path, "jobs"), Path.Combine(Repository.Path, "jobs"));
        Dictionary<string, string> variables = new()
        {
            ["PATH"] = $"{folder.Path}:{Environment.GetEnvironmentVariable("PATH")}",
            ["SLURM_SUBMIT_DIR"] = folder.Path,
            ["SLURM_JOB_ID"] = "7",
        };
        foreach ((string name, string value) in more) variables[name] = value;
        MpiOutcome outcome = MpiRunner.RunCommand(["bash", "-c", $"cd {folder.Path} && chmod +x srun scontrol && {script}"], variables, limitSeconds: 60);
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo(((int)expected, output)), outcome.Errors);
    }
}
