using System.CommandLine;
using System.CommandLine.Parsing;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Data;
using Detox.Mpi.Messaging;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>train: the options, then the run on all ranks.</summary>
internal static class TrainCommand
{
    public const string Verb = "train";

    private const string Auto = "auto";

    public static void AddTo(Command command, Launcher launcher)
    {
        Option<string> config = new("--config") { Description = "TOML file with these options as keys; the command line wins", HelpName = "FILE" };
        Option<string> resume = new("--resume")
        {
            Description = "go on with the run in this folder; auto: with the run of --out and --name if it is there, else a new one",
            HelpName = "RUN",
        };
        Option<bool> newGroups = new("--accept-new-groups") { Description = "let a run go on with another number of groups, which is another trajectory" };
        command.Add(config);
        command.Add(resume);
        command.Add(newGroups);
        TrainOptionSet options = new(command, TrainOption.All);
        command.SetAction(parsed => (int)Execute(
            launcher,
            new TrainInput(
                parsed.GetValue(resume),
                parsed.GetValue(newGroups),
                of => options.Read(parsed, parsed.GetValue(config) is { } path ? ConfigFile.Apply(of, path) : of))));
    }

    /// <summary>Trains with all ranks in this process; they share data and networks, since replicas of a part are computed once.</summary>
    /// <param name="options">Resolved and valid.</param>
    /// <param name="data">What the options name, where it is open already.</param>
    public static ExitCode ExecuteInProcess(TrainOptions options, RunContext context = default, DataSplit? data = null)
    {
        TextWriter errors = context.Monitor?.Log ?? Console.Error;
        using SharedParts shared = new(options, data);
        return (ExitCode)World.Run(
            Launcher.None,
            options.Ranks!.Value,
            world => Speak(world, () => TrainRun.Execute(world, options, shared, context), errors),
            errors);
    }

    private static ExitCode Execute(Launcher launcher, TrainInput input)
    {
        using StopSignals stop = new();
        if (!launcher.IsLaunched)
        {
            ResumePoint? resume = input.FindRun();
            return ExecuteInProcess(input.Options(resume?.Config, resume, launchedRanks: null, Environment.ProcessorCount), new RunContext(Resume: resume, Stop: stop));
        }

        ExitCode RunRank(Communicator world)
        {
            ResumePoint? resume = Agreement.Reach(world, () => world.Rank == 0 ? input.FindRun() : null);
            string? config = input.Resumes ? ResumePoint.ShareConfig(world, resume) : null;
            TrainOptions options = Agreement.Reach(world, () => input.Options(config, resume, world.Size, world.OwnCores));
            return TrainRun.Execute(world, options, shared: null, new RunContext(Resume: resume, Stop: stop));
        }

        return (ExitCode)World.Run(launcher, launcher.Size, world => Speak(world, () => RunRank(world), Console.Error), Console.Error);
    }

    /// <summary>What the ranks have agreed to be an error is said by rank 0 and ends each of them by itself.</summary>
    internal static int Speak(Communicator world, Func<ExitCode> rankBody, TextWriter errors)
    {
        try
        {
            return (int)rankBody();
        }
        catch (AgreedException error)
        {
            if (world.Rank == 0) DetoxCommand.Report(error.Message, errors);
            return (int)error.Code;
        }
    }

    /// <summary>What stands on the line.</summary>
    /// <param name="Resume">A run's folder, or auto; null: a new run.</param>
    /// <param name="Read">Sets what the line, and the file that it names, say of the options.</param>
    private sealed record TrainInput(string? Resume, bool AcceptsNewGroups, Func<TrainOptions, TrainOptions> Read)
    {
        public bool Resumes => Resume is not null;

        /// <summary>The run that goes on; null where a new one begins.</summary>
        public ResumePoint? FindRun()
        {
            if (Resume is null) return null;
            string folder = Path.TrimEndingDirectorySeparator(Resume);
            if (Resume == Auto)
            {
                TrainOptions own = Read(new TrainOptions());
                if (own.Name is null) throw new DetoxException(ExitCode.Usage, "--resume auto: it takes --name, by which the run is found again.");
                folder = Path.Combine(own.Out, own.Name);
                if (!Directory.Exists(folder)) return null;
            }

            return ResumePoint.Find(folder, DetoxCommand.Report);
        }

        /// <param name="config">The options of the run that goes on; null where a new one begins.</param>
        /// <param name="resume">Where it goes on, on rank 0.</param>
        public TrainOptions Options(string? config, ResumePoint? resume, int? launchedRanks, int cores)
        {
            if (config is null) return Resolve(Named(Read(new TrainOptions())), launchedRanks, cores);
            TrainOptions run = ConfigFile.Parse(config, RunFolder.Config);

            // A run's folder may have been moved, and threads are what the machine at hand has.
            TrainOptions wanted = Resolve(Named(Read(run with { Ranks = launchedRanks is null ? run.Ranks : null, Threads = null })), launchedRanks, cores);
            IReadOnlyList<string> problems = ResumeOptions.Problems(run, wanted, resume?.Step ?? 0, AcceptsNewGroups);
            return problems.Count == 0 ? wanted : throw new DetoxException(ExitCode.Usage, string.Join("\n       ", problems));
        }

        private TrainOptions Named(TrainOptions options)
        {
            if (Resume is null or Auto) return options;
            string folder = Path.TrimEndingDirectorySeparator(Resume);
            return options with { Out = Path.GetDirectoryName(folder) is { Length: > 0 } parent ? parent : ".", Name = Path.GetFileName(folder) };
        }
    }

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
