using System.Diagnostics;
using System.Text;
using Detox.Mpi;
using Detox.Mpi.Data;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Tests.Training.AnyMessages;

/// <summary>Runs a case, with a watchdog, and says what of the promise does not hold.</summary>
internal static class ProtocolRun
{
    private const float UsualPatience = 1, LongPatience = 10;
    private static readonly DataSplit _data = MakeData();
    private static readonly Dictionary<(int Ranks, int GroupSize), string> _undisturbed = [];

    /// <summary>Throws where the case breaks the promise; else the most messages that waited for an honest rank.</summary>
    /// <remarks>An honest rank that is late on a machine with other work is a fault of the machine: a case of which only this is said counts
    /// with more patience.</remarks>
    public static int Check(ProtocolCase drawn)
    {
        (List<string> problems, bool onlyLate, int mostHeld) = Problems(drawn, UsualPatience);
        if (onlyLate) (problems, _, mostHeld) = Problems(drawn, LongPatience);
        return problems.Count == 0 ? mostHeld : throw new BrokenPromiseException(string.Join("\n", problems));
    }

    private static (List<string> Problems, bool OnlyLate, int MostHeld) Problems(ProtocolCase drawn, float patience)
    {
        TrainOptions options = Options(drawn, patience);
        if (!_undisturbed.TryGetValue((drawn.Ranks, drawn.GroupSize), out string? expected))
        {
            using Outcome clean = Run(drawn with { Rules = [], NodeSize = 0, Wait = Wait.All }, options with { Wait = Wait.All, Patience = LongPatience });
            if (clean.Failure is { } wrong) throw new InvalidOperationException($"without any attack: {wrong}");
            _undisturbed[(drawn.Ranks, drawn.GroupSize)] = expected = clean.Files.Weights;
        }

        using Outcome outcome = Run(drawn, options);
        if (outcome.Failure is { } failure) return ([failure], false, 0);
        List<string> problems = [], late = [];
        for (int step = 0; step < outcome.Files.Steps.Count; step++)
        {
            int voids = outcome.Files.Steps[step].GetProperty("voids").GetArrayLength(), byTime = outcome.Files.Steps[step].GetProperty("void_by_time").GetArrayLength();
            if (voids > 0) (voids == byTime ? late : problems).Add($"step {step}: {voids} void groups");
        }

        // Groups that are void by time are what may change them.
        if (outcome.Files.Weights != expected) (late.Count > 0 ? late : problems).Add($"weights {outcome.Files.Weights}, expected {expected}");
        foreach (string[] row in outcome.Files.Blame)
            if (!outcome.Misbehaved[int.Parse(row[1])]) (row[3] == "absent" ? late : problems).Add($"honest rank {row[1]}: {row[3]} in step {row[0]}");
        return ([.. problems, .. late], problems.Count == 0 && late.Count > 0, outcome.MostHeld);
    }

    private static TrainOptions Options(ProtocolCase drawn, float patience)
    {
        TrainOptions options = (TrainInProcess.Small with
        {
            Ranks = drawn.Ranks,
            GroupSize = drawn.GroupSize,
            Byzantine = drawn.Ranks / drawn.GroupSize * ((drawn.GroupSize - 1) / 2),
            Wait = drawn.Wait,
            Steps = ProtocolCase.Steps,
            Batch = 1,
            Patience = patience,
            Attack = "garbage",
            Device = "cpu",
            Name = "run",
        }).Resolve(launchedRanks: null, cores: 1);
        return options;
    }

    private static Outcome Run(ProtocolCase drawn, TrainOptions given)
    {
        string folder = Directory.CreateTempSubdirectory("detox-case-").FullName;
        TrainOptions options = given with { Out = folder };
        int[] attackers = drawn.Attackers(GroupTable.Create(drawn.Ranks, drawn.GroupSize, options.Seed));
        Dictionary<int, RuledAttack> attacks = [];
        for (int i = 0; i < attackers.Length; i++)
        {
            ProtocolRule[] rules = [.. drawn.Rules.Where(rule => rule.Attacker % attackers.Length == i)];
            if (rules.Length > 0) attacks[attackers[i]] = new RuledAttack(rules);
        }

        Outcome outcome = new(folder);
        SharedParts shared = new(options, _data);
        GivenPlacement placement = new([.. attacks.Keys]);
        int[] nodes = [.. Enumerable.Range(0, drawn.Ranks).Select(rank => drawn.NodeSize == 0 ? 0 : rank / drawn.NodeSize)];
        InProcessCommunicator?[] worlds = new InProcessCommunicator?[drawn.Ranks];
        string?[] waits = new string?[drawn.Ranks];
        ExitCode code = ExitCode.Done;
        Exception? error = null;
        Thread thread = new(() =>
        {
            try
            {
                InProcessWorld.Run(drawn.Ranks, RunRank, nodes);
            }
            catch (Exception exception)
            {
                error = exception;
            }
        });

        void RunRank(Communicator world)
        {
            worlds[world.Rank] = (InProcessCommunicator)world;
            try
            {
                // The attacks of honest ranks are never asked anything.
                Experiment experiment = new(attacks.GetValueOrDefault(world.Rank) ?? new RuledAttack([]), placement);
                ExitCode own = TrainRun.Execute(world, options, shared, new RunContext(experiment));
                if (world.Rank == 0) code = own;
                waits[world.Rank] = "has ended";
            }
            catch (OperationCanceledException exception)
            {
                waits[world.Rank] = Waits(exception);
                throw;
            }
        }

        TextWriter console = Console.Out, errors = Console.Error;
        (StringWriter said, long start) = (new StringWriter(), Stopwatch.GetTimestamp());
        Console.SetOut(TextWriter.Null);
        Console.SetError(said);
        bool hangs = false;
        try
        {
            thread.Start();

            // The first step has half a minute.
            TimeSpan limit = TimeSpan.FromSeconds(30 + (options.Patience!.Value * (options.Steps + 15)));
            while (!thread.Join(10))
            {
                foreach (InProcessCommunicator? world in worlds)
                    if (world is not null && !attacks.ContainsKey(world.Rank)) outcome.MostHeld = Math.Max(outcome.MostHeld, world.Held);
                if (Stopwatch.GetElapsedTime(start) < limit) continue;
                hangs = true;
                End(worlds[0]);
                if (!thread.Join(TimeSpan.FromSeconds(10))) break;
            }
        }
        finally
        {
            Console.SetOut(console);
            Console.SetError(errors);
        }

        if (hangs) outcome.Failure = Hang(waits);
        else if (error is not null) outcome.Failure = error.ToString();
        else if (code != ExitCode.Done) outcome.Failure = $"exit code {code}: {said}";

        // Where a rank does not end, it still uses them.
        if (!thread.IsAlive) shared.Dispose();
        for (int rank = 0; rank < drawn.Ranks; rank++) outcome.Misbehaved.Add(attacks.GetValueOrDefault(rank)?.HasMisbehaved == true);
        return outcome;
    }

    /// <summary>Ends all waits of a run.</summary>
    private static void End(InProcessCommunicator? world)
    {
        try
        {
            world?.Abort((int)ExitCode.Unexpected);
        }
        catch (JobAbortedException)
        {
            // That is for the ranks to see.
        }
    }

    private static string Hang(string?[] waits)
    {
        StringBuilder text = new("the run hangs:\n");
        for (int rank = 0; rank < waits.Length; rank++) text.Append($"  rank {rank}: {waits[rank] ?? "does not end"}\n");
        return text.ToString();
    }

    /// <summary>Where a rank waited, in the training's own methods.</summary>
    private static string Waits(Exception exception)
    {
        IEnumerable<string> frames = new StackTrace(exception).GetFrames()
            .Select(frame => frame.GetMethod())
            .Where(method => method?.DeclaringType?.Namespace == typeof(TrainRun).Namespace && !method!.Name.Contains('<'))
            .Select(method => $"{method!.DeclaringType!.Name}.{method.Name}");
        return $"waits in {string.Join(" of ", frames)}";
    }

    private static DataSplit MakeData()
    {
        const int side = 16, classes = 5, count = 40;
        Gpu.SeededRandom random = new(7);
        byte[] pixels = new byte[count * side * side], labels = new byte[count];
        foreach (ref byte pixel in pixels.AsSpan()) pixel = (byte)random.NextBits();
        foreach (ref byte label in labels.AsSpan()) label = (byte)random.NextInt(classes);
        return new ImageSet("noise", new ImageShape(side, side, 1), classes, PixelScale.Grey, pixels, labels).HoldOutLastFifth("noise");
    }

    private sealed record Outcome(string Folder) : IDisposable
    {
        private RunFiles? _files;

        public RunFiles Files => _files ??= new RunFiles(Path.Combine(Folder, "run"));

        public string? Failure { get; set; }

        public int MostHeld { get; set; }

        public List<bool> Misbehaved { get; } = [];

        public void Dispose() => Directory.Delete(Folder, recursive: true);
    }
}

/// <summary>What was promised of every run with an honest majority in each group does not hold.</summary>
internal sealed class BrokenPromiseException(string message) : Exception(message);
