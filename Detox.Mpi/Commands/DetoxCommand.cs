using System.CommandLine;
using System.CommandLine.Parsing;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Commands;

/// <summary>The command line: the verbs, and the one place where errors become a message and an exit code.</summary>
internal static class DetoxCommand
{
    private const string Prefix = "detox: ";

    public static int Run(string[] args)
    {
        Launcher? launcher = null;
        try
        {
            launcher = Launcher.Detect();
            bool speaks = launcher.Rank == 0;
            ParseResult parsed = Parse(launcher, args);
            if (parsed.Errors.Count > 0)
            {
                string hint = $"try 'detox {parsed.CommandResult.Command.Name} --help'".Replace("detox Detox.Mpi", "detox", StringComparison.Ordinal);
                throw new DetoxException(ExitCode.Usage, $"{string.Join("\n       ", parsed.Errors.Select(error => error.Message))} ({hint})");
            }

            // Of ranks that were started together, only train, sweep and selftest have work for more than one.
            bool isForAll = parsed.CommandResult.Command is RootCommand or { Name: TrainCommand.Verb or SweepCommand.Verb or SelfTestCommand.Verb } && parsed.Action is null or not System.CommandLine.Help.HelpAction;
            if (!speaks && !isForAll) return (int)ExitCode.Done;
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception thrown) when (DetoxException.Of(thrown) is not null)
        {
            DetoxException error = DetoxException.Of(thrown)!;
            return World.Refuse(launcher ?? Launcher.None, new DetoxException(error.Code, $"{Prefix}{error.Message}"), Console.Error);
        }
    }

    /// <summary>Prints an error as people see it.</summary>
    public static void Report(string message) => Report(message, Console.Error);

    public static void Report(string message, TextWriter errors) => errors.WriteLine($"{Prefix}{message}");

    // What trains is parsed without the other verbs: to make their options as well takes each rank longer than its first gradient.
    private static ParseResult Parse(Launcher launcher, string[] args)
    {
        ParseResult parsed = TrainingRoot(launcher).Parse(args is [TrainCommand.Verb, ..] ? args[1..] : args);
        return parsed.Errors.Count == 0 && parsed.Action is not System.CommandLine.Help.HelpAction ? parsed : Root(launcher).Parse(args);
    }

    private static RootCommand TrainingRoot(Launcher launcher)
    {
        RootCommand root = new("Detox trains neural networks on ranks of which some send wrong gradients. Without a verb it trains.");
        TrainCommand.AddTo(root, launcher);
        return root;
    }

    private static RootCommand Root(Launcher launcher)
    {
        RootCommand root = TrainingRoot(launcher);
        Command train = new(TrainCommand.Verb, "Train; under mpiexec or srun with that many ranks, else in this process.");
        TrainCommand.AddTo(train, launcher);
        root.Add(train);
        root.Add(AggregateCommand.Create());
        root.Add(AttackCommand.Create());
        root.Add(BenchCommand.Create());
        root.Add(DoctorCommand.Create(launcher));
        root.Add(PlanCommand.Create());
        root.Add(SweepCommand.Create(launcher));
        root.Add(VerifyCommand.Create());
        root.Add(ReplayCommand.Create());
        root.Add(ReportCommand.Create());
        root.Add(SelfTestCommand.Create(launcher));
        return root;
    }
}
