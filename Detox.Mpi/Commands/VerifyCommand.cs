using System.CommandLine;
using Detox.Mpi.Checkpoints;

namespace Detox.Mpi.Commands;

/// <summary>verify: whether a run's folder is as the run has written it.</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        Command command = new("verify", "Check the files of a run: the chain of its steps, its manifest, its checkpoints.");
        Argument<string> run = new("RUN") { Description = "the run's folder" };
        command.Add(run);
        command.SetAction(parsed => (int)Execute(parsed.GetValue(run)!));
        return command;
    }

    private static ExitCode Execute(string folder)
    {
        if (!Directory.Exists(folder)) throw new DetoxException(ExitCode.Usage, $"{folder}: there is no such folder.");
        RunVerifier verifier = new(folder);
        verifier.Run();
        foreach (string problem in verifier.Problems) DetoxCommand.Report(problem);
        string end = verifier.HasEnded ? "the run has ended, and every file is as it was written" : "the run has not ended; its logs are whole as far as they go";
        if (verifier.Problems.Count > 0) return ExitCode.Unexpected;
        Console.Out.WriteLine($"{folder}: {verifier.Steps} steps, {verifier.Checkpoints} checkpoints; {end}");
        return ExitCode.Done;
    }
}
