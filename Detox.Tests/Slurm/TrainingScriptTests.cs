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
        MpiOutcome outcome = MpiRunner.RunCommand(["bash", "-c", $"cd {folder.Path} && chmod +x srun scontrol && {Stops} && exec jobs/slurm-mpich.sh"], variables, limitSeconds: 60);
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo(((int)expected, scontrol)), outcome.Errors);
    }
}
