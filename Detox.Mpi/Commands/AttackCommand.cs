using System.CommandLine;
using Detox.Gpu.Aggregation;
using Detox.Mpi.Attacks;
using Detox.Mpi.Data;

namespace Detox.Mpi.Commands;

/// <summary>attack: what a Byzantine rank sends where honest ranks have computed the gradients in a file, for other programs to use and to check.</summary>
internal static class AttackCommand
{
    public static Command Create()
    {
        Option<string> attack = new("--attack") { Description = $"what the Byzantine ranks do:{Attack.Known.Lines()}", HelpName = "ATTACK", Required = true };
        Option<string> input = new("--input") { Description = "the honest gradients: the rows of a .csv without a header, or of a .npy of float32 or float64; the first is the attacker's own", HelpName = "FILE", Required = true };
        Option<string> output = new("--output") { Description = "where the vector goes, one number a line, or as .npy (standard output)", HelpName = "FILE" };
        Option<int> byzantine = new("--byzantine") { Description = "attackers f, all of whom send the same", HelpName = "F", DefaultValueFactory = _ => 1 };
        Option<string> rule = new("--rule") { Description = "the rule to work against, one of those of aggregate; it withstands f rows where it does not say it itself", HelpName = "RULE", DefaultValueFactory = _ => "median" };
        Option<string[]> before = new("--pre") { Description = "pre-rules of that rule, in their order", HelpName = "PRE", DefaultValueFactory = _ => [] };
        Option<ulong> seed = new("--seed") { Description = "seed of what is random", HelpName = "N", DefaultValueFactory = _ => 1 };
        Option<long> step = new("--step") { Description = "step of the run, from 0", HelpName = "N", DefaultValueFactory = _ => 0 };
        Command command = new("attack", "Say what an attacker sends beside the honest gradients in a file.") { attack, input, output, byzantine, rule, before, seed, step };
        command.SetAction(parsed =>
        {
            int f = parsed.GetValue(byzantine);
            if (f < 1) throw new DetoxException(ExitCode.Usage, $"--byzantine {f}: at least 1.");
            Attack chosen = Parse(parsed.GetValue(attack)!);
            (string[] pre, string across) = (parsed.GetValue(before)!, parsed.GetValue(rule)!);
            AggregateCommand.Parse(pre, across, f).Dispose();
            KnownRule known = new(() => AggregationRule.Parse(pre, across, f));
            float[][] honest = MatrixFile.Read(parsed.GetValue(input)!);
            MatrixFile.Write(parsed.GetValue(output), chosen.Send(honest, f, known, parsed.GetValue(seed), parsed.GetValue(step)));
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Attack Parse(string text)
    {
        try
        {
            return Attack.Parse(text);
        }
        catch (FormatException error)
        {
            throw new DetoxException(ExitCode.Usage, $"--attack: {error.Message}");
        }
    }
}
