using System.CommandLine;
using Detox.Mpi.Messaging;
using Detox.Mpi.SelfTest;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>selftest: whether this node computes the known bits, on every core and device of it; else which of them does not.</summary>
internal static class SelfTestCommand
{
    public const string Verb = "selftest";

    /// <summary>A rank that has found a fault waits so long for the others: most launchers end all ranks as soon as one ends with an error.</summary>
    private static readonly TimeSpan _othersFirst = TimeSpan.FromSeconds(5);

    public static Command Create(Launcher launcher)
    {
        Option<double> minutes = new("--minutes") { Description = "repeat it for so long, and count: faults may come and go (once)", HelpName = "M" };
        Option<string> device = new("--device") { Description = "devices to test beside the CPU, several with commas; cpu: none (every GPU)", HelpName = "DEVICE" };
        Option<string> inject = new("--inject") { Description = "bit-flip: flip one random bit of one result on its way, once, to see that it is found", HelpName = "FAULT" };
        Option<ulong> seed = new("--seed") { Description = "seed of what is injected", HelpName = "N", DefaultValueFactory = _ => 1 };
        Option<bool> json = new("--json") { Description = "the same as data" };
        inject.AcceptOnlyFromAmong("bit-flip");
        Command command = new(Verb, "Say whether this node computes right: exit code 0, or 86 where it should be replaced.") { minutes, device, inject, seed, json };
        command.SetAction(parsed =>
        {
            double time = parsed.GetValue(minutes);
            if (!double.IsFinite(time) || time < 0) throw new DetoxException(ExitCode.Usage, $"--minutes {time}: 0 or more.");
            string? chosen = parsed.GetValue(device);
            if (chosen is not null && DeviceChoice.Problem(chosen) is { } problem) throw new DetoxException(ExitCode.Usage, problem);

            // One rank of a node tests all of it.
            if (launcher.LocalRank > 0) return (int)ExitCode.Done;
            string[] others = chosen is null ? [.. DeviceChoice.Gpus()] : [.. chosen.Split(',').Where(name => name != "cpu")];
            ulong? flipped = parsed.GetValue(inject) is null ? null : parsed.GetValue(seed);
            ExitCode code;
            try
            {
                code = Execute(Cores.All(asBound: !launcher.IsLaunched), others, time, flipped, parsed.GetValue(json));
            }
            catch (DetoxException error)
            {
                // Of this node alone, so every rank speaks for itself.
                DetoxCommand.Report($"{Environment.MachineName}: {error.Message}");
                code = error.Code;
            }

            if (code != ExitCode.Done && launcher.IsLaunched) Thread.Sleep(_othersFirst);
            return (int)code;
        });
        return command;
    }

    /// <param name="flipped">The seed of a bit to flip; null for none.</param>
    private static ExitCode Execute(int[] cores, string[] devices, double minutes, ulong? flipped, bool json)
    {
        using SelfTester tester = new(ModelCase.All, cores, devices);
        void Say(string text)
        {
            if (!json) Console.WriteLine($"{Environment.MachineName}: {text}");
        }

        if (flipped is { } seed)
        {
            tester.Flip = BitFlip.Draw(seed, ModelCase.All, tester.Places);
            Say($"injected: {tester.Flip}");
        }

        Tally tally = new();
        do
        {
            foreach (Mismatch mismatch in tester.Round())
                if (tally.Add(mismatch) == 1) Say($"{mismatch}");
            tally.EndRound();
            tester.Flip = null;
        }
        while (tally.Seconds < 60 * minutes);

        if (json) Console.WriteLine(tally.ToJson(tester.Places));
        else if (tally.WrongRounds == 0) Say($"right: {ModelCase.All.Count} models at {tester.Places.Count} places, {tally.Time}");
        else Say($"wrong in {tally.WrongRounds} of {tally.Time}: {tally.Places}; this node should be replaced");
        return tally.WrongRounds == 0 ? ExitCode.Done : ExitCode.ReplaceNode;
    }
}
