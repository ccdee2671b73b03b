using System.CommandLine;
using System.CommandLine.Parsing;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>train: the options, then the run on all ranks.</summary>
internal static class TrainCommand
{
    public const string Verb = "train";

    public static void AddTo(Command command, Launcher launcher)
    {
        Option<string> config = new("--config") { Description = "TOML file with these options as keys; the command line wins", HelpName = "FILE" };
        command.Add(config);
        TrainOptionSet options = new(command, TrainOption.All);
        command.SetAction(parsed => (int)Execute(launcher, () => Read(parsed, config, options)));
    }

    /// <summary>Trains with all ranks in this process; they share data and networks, since replicas of a part are computed once.</summary>
    /// <param name="options">Resolved and valid.</param>
    public static ExitCode ExecuteInProcess(TrainOptions options)
    {
        using SharedParts shared = new(options);
        return (ExitCode)World.Run(
            Launcher.None,
            options.Ranks!.Value,
            world => Speak(world, () => TrainRun.Execute(world, options, shared)),
            Console.Error);
    }

    private static ExitCode Execute(Launcher launcher, Func<TrainOptions> read)
    {
        if (!launcher.IsLaunched) return ExecuteInProcess(Resolve(read(), launchedRanks: null, Environment.ProcessorCount));

        ExitCode RunRank(Communicator world)
        {
            TrainOptions options = Agreement.Reach(world, () => Resolve(read(), world.Size, world.OwnCores));
            return TrainRun.Execute(world, options, shared: null);
        }

        return (ExitCode)World.Run(launcher, launcher.Size, world => Speak(world, () => RunRank(world)), Console.Error);
    }

    /// <summary>What the ranks have agreed to be an error is said by rank 0 and ends each of them by itself.</summary>
    private static int Speak(Communicator world, Func<ExitCode> rankBody)
    {
        try
        {
            return (int)rankBody();
        }
        catch (AgreedException error)
        {
            if (world.Rank == 0) DetoxCommand.Report(error.Message);
            return (int)error.Code;
        }
    }

    private static TrainOptions Read(ParseResult parsed, Option<string> config, TrainOptionSet options)
        => options.Read(parsed, parsed.GetValue(config) is { } path ? ConfigFile.Apply(new TrainOptions(), path) : new TrainOptions());

    private static TrainOptions Resolve(TrainOptions read, int? launchedRanks, int cores)
    {
        if (launchedRanks is { } started && read.Ranks is { } wanted && wanted != started)
        {
            throw new DetoxException(
                ExitCode.Environment,
                $"--ranks {wanted}, but the launcher started {started} ranks; leave --ranks out, or start {wanted}.");
        }

        TrainOptions options = read.Resolve(launchedRanks, cores);
        IReadOnlyList<string> problems = options.Validate();
        if (problems.Count == 0) return options;
        throw new DetoxException(ExitCode.Usage, string.Join("\n       ", problems));
    }
}
