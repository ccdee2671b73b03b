using System.Diagnostics;
using System.Globalization;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Data;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Reports;

/// <summary>Rank 0's account of a run: the resolved settings first, a line of progress, the run's files, the last lines.</summary>
internal sealed class RunReport : IDisposable
{
    private readonly TrainOptions _options;
    private readonly RunFolder _folder;
    private readonly RunSummary _summary;
    private readonly Losses _losses;
    private readonly ConsoleLines _console;
    private readonly ProgressLine _progress;
    private readonly bool _isLaunched;
    private readonly RunContext _context;
    private readonly Stopwatch _clock = new();
    private readonly double _secondsBefore;
    private Score? _score;

    private RunReport(TrainOptions options, RunSummary summary, Func<int, string> describe, RunContext context, bool isLaunched)
    {
        _options = options;
        _summary = summary;
        _isLaunched = isLaunched;
        _context = context;
        _losses = new Losses(Warn);
        _console = new ConsoleLines(_losses, _context.Monitor?.Log);
        _progress = new ProgressLine(options.Steps, isAlone: !isLaunched && _context.Monitor is null, _console);
        _folder = new RunFolder(options, describe, _losses, context.Resume);
        _secondsBefore = context.Resume?.State?.Seconds ?? 0;
    }

    public string Folder => _folder.Path;

    /// <summary>Opens the run's folder and prints the settings.</summary>
    /// <param name="context">Where the run goes on, and where it speaks.</param>
    public static RunReport Open(
        TrainOptions options, DataSplit data, string device, Communicator world, Network network, RunStart start, RunContext context, bool isLaunched)
    {
        ResumePoint? resume = context.Resume;
        RunSummary summary = new(options) { Device = device, Messaging = world.Description };
        RunReport report = new(options, summary, network.Describe, context, isLaunched);
        if (resume is not null) report._folder.Recall(summary);
        report._folder.Add(start);
        ConsoleLines console = report._console;
        foreach (TrainOption option in TrainOption.All) console.Line($"{option.Name,-18}{option.Text(options)}");
        console.Line();
        console.Line($"{network.Model}: {network.ParameterCount:N0} parameters; {data.Training.Name}: {data.Training.Count:N0} images to train on, {data.Test.Count:N0} to judge by");
        console.Line($"{options.Ranks} ranks over {world.Description}, {options.GroupCount} groups of {options.GroupSize}; q = {options.Byzantine} ranks win at most f = {options.MostCapturedGroups} groups; {device}");
        if (resume is not null) console.Line($"{resume.Folder} goes on with step {resume.Step}");
        if (resume?.State is { } state && state.Program != Program)
            report.Warn($"the run was saved by detox {state.Program}, and this is {Program}: the bits of the steps to come may differ.");
        return report;
    }

    /// <summary>The first step is about to begin.</summary>
    public void Started()
    {
        _summary.SecondsToFirstStep = _context.Seconds;
        _clock.Start();
    }

    /// <summary>Waits until the logs are on the disk; from any thread.</summary>
    public void FlushLogs() => _folder.Flush();

    /// <summary>What a checkpoint before a step says beside its tensors.</summary>
    public RunState State(long step, Server server, DataSplit data)
    {
        (LogMark steps, LogMark evaluations, LogMark blame, string chain) = _folder.Mark();
        return new RunState
        {
            Format = RunState.CurrentFormat,
            Step = step,
            Config = ConfigFile.Write(_options),
            Program = Program,
            Data = Checkpoint.Describe(data),
            Weights = server.WeightsRoot.ToString(),
            Chain = chain,
            Seconds = Seconds,
            Steps = steps,
            Evaluations = evaluations,
            Blame = blame,
            Ranks = server.Memories(),
        };
    }

    public void Add(StepRecord step)
    {
        _summary.Add(step);
        _folder.Add(step);
        foreach (string notice in step.Notices) Warn(notice);
        _progress.Show(step, _score);
        _context.Monitor?.StepIsOver(step.Step);
    }

    /// <summary>Faults that came to light when the last step was over.</summary>
    public void AddLate(StepRecord record)
    {
        _summary.AddLate(record);
        _folder.AddBlames(record);
        foreach (string notice in record.Notices) Warn(notice);
    }

    public void Add(long step, Score score)
    {
        _score = score;
        _summary.Score = score;
        _folder.Add(step, Seconds, score);
        _progress.Show(step, score, _summary);
        _context.Monitor?.IsEvaluated(score);
    }

    /// <summary>The hosts whose ranks are asked no more, as this run or an earlier part of it has found.</summary>
    public IReadOnlyCollection<string> Quarantined() => _folder.Quarantined();

    /// <summary>Ranks of these hosts are asked no more.</summary>
    public void Quarantine(IReadOnlyList<string> hosts) => _folder.Quarantine(hosts);

    /// <summary>The score of a run that has no step left to compute.</summary>
    public void Judge(Score score) => _summary.Score = score;

    /// <summary>The run is about to stop before its last step.</summary>
    public void Stopping(long step, string reason) => Warn($"{reason} asks the run to stop: it does behind {step} of its {_options.Steps} steps.");

    /// <summary>The run has stopped, and says how it goes on.</summary>
    /// <param name="isSaved">Whether there is a checkpoint from which it goes on with its next step.</param>
    /// <param name="quarantine">Why it cannot go on with these nodes; null where it can.</param>
    public ExitCode Stop(long step, bool isSaved, string? quarantine)
    {
        _progress.End();
        _folder.Interrupt(isToGoOn: quarantine is null);
        string from = isSaved ? "" : _options.CheckpointEvery.IsNever ? ", without a checkpoint (--checkpoint-every 0): it would begin anew" : ", without a checkpoint of this step: it goes on from an older one";
        _console.Line(string.Create(CultureInfo.InvariantCulture, $"stopped behind step {step} of {_options.Steps} after {Seconds:F1} s{from}; to go on: --resume {_folder.Path}"));
        if (quarantine is not null)
        {
            _console.Line($"{quarantine}: start it on other nodes than {string.Join(", ", _folder.Quarantined())}, as with srun --exclude={_folder.Path}/quarantine.txt");
            return ExitCode.ReplaceNode;
        }

        return _options.CheckpointEvery.IsNever ? ExitCode.Unexpected : ExitCode.StoppedWithCheckpoint;
    }

    /// <summary>Writes result.json and the last lines. Training that diverged by itself is an error, and so is a report or a last
    /// checkpoint that could not be written; training that diverged under an attack is a result.</summary>
    public ExitCode Finish(ReadOnlySpan<float> weights, IReadOnlyList<RankTally?> tallies, RunSaver saver, bool isSaved)
    {
        _summary.Seconds = Seconds;
        _summary.WeightsSha256 = WeightsDigest.Sha256(weights);
        _summary.Ranks = new RankTable(tallies);
        _folder.Complete(_summary);
        _progress.End();

        CultureInfo c = CultureInfo.InvariantCulture;
        _console.Line(string.Create(c, $"accuracy {_summary.Score.Accuracy:P2}, loss {_summary.Score.Loss:F4} after {_summary.Steps} steps in {_summary.Seconds:F1} s (first step {_summary.SecondsToFirstStep:F1} s after the start)"));
        _console.Line(string.Create(c, $"a step took {_summary.MedianStepSeconds:F3} s (median): {Shares()}"));
        if (_summary.SecondsOf(Phase.Attack) > 0)
            _console.Line(string.Create(c, $"the attackers' knowledge took {_summary.SecondsOf(Phase.Attack) / _summary.Steps:F3} s a step besides, which is not the method's"));
        _console.Line(string.Create(c, $"{_summary.VoidGroups} void groups, {_summary.SkippedSteps} skipped steps; {_summary.VectorBytes / 1e6 / _summary.Steps:F1} MB of vectors a step; {Memory(_summary.PeakBytesOfARank)}{DeviceMemory(_summary.DeviceBytesOfARank)}"));
        foreach (string line in _summary.Ranks.Lines()) _console.Line(line);
        if (saver.Saved > 0)
            _console.Line(string.Create(c, $"{saver.Saved} checkpoint{(saver.Saved == 1 ? "" : "s")} saved: the steps stood still for {_summary.SecondsOf(Phase.Checkpoint):F3} s, and {saver.WriteSeconds:F3} s were written beside them"));
        _console.Line(FaultyRanks());
        _console.Line($"weights_sha256 {_summary.WeightsSha256}");
        _console.Line($"run folder {_folder.Path}");
        if (_losses.Names.Count > 0) _console.Line($"incomplete: {string.Join(", ", _losses.Names.Select(name => Path.GetFileName(name)))}");

        ExitCode code = JudgeEnd();
        bool isWhole = _losses.Names.Count == 0 && (isSaved || !saver.Saves || _summary.DivergedAt is not null);
        return code == ExitCode.Done && !isWhole ? ExitCode.Unexpected : code;
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Version and build.</summary>
    internal static string Program { get; } = $"{typeof(RunReport).Assembly.GetName().Version!.ToString(3)} ({typeof(RunReport).Module.ModuleVersionId})";

    /// <summary>Of the whole run, whatever stopped it in between.</summary>
    private double Seconds => _secondsBefore + _clock.Elapsed.TotalSeconds;

    /// <summary>Says whether the training diverged, and what that means for the exit code.</summary>
    private ExitCode JudgeEnd()
    {
        if (_summary.DivergedAt is not { } step) return ExitCode.Done;
        if (_options.IsAttacked)
        {
            _console.Line($"the training diverged at step {step}: the attack '{_options.Attack}' has broken '{_options.Across}'");
            return ExitCode.Done;
        }

        Warn(string.Create(CultureInfo.InvariantCulture, $"step {step}: the loss of rank 0's own samples is not finite, so the training has diverged; lower --learning-rate ({_options.LearningRate:R})."));
        return ExitCode.Unexpected;
    }

    private void Warn(string message)
    {
        _progress.End();
        ConsoleLines.Warn(message, _context.Monitor?.Log);
    }

    private string Shares()
    {
        double method = 0;
        foreach (Phase phase in Enum.GetValues<Phase>())
            if (phase != Phase.Attack) method += _summary.SecondsOf(phase);
        return string.Join(", ", Enum.GetValues<Phase>().Where(phase => phase != Phase.Attack).Select(phase =>
            string.Create(CultureInfo.InvariantCulture, $"{RunSummary.Name(phase).Replace('_', ' ')} {_summary.SecondsOf(phase) / method:P0}")));
    }

    private string FaultyRanks()
    {
        List<string> ranks = [];
        for (int rank = 0; rank < _summary.Faults.Length; rank++)
            if (_summary.Faults[rank] > 0) ranks.Add($"{rank} ({_summary.Faults[rank]})");
        return ranks.Count == 0 ? "no rank dissented" : $"dissenting ranks (times): {string.Join(", ", ranks)}; see blame.csv";
    }

    private static string DeviceMemory(long bytes)
        => bytes == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", of the GPU's memory {bytes / 1e6:F1} MB");

    private string Memory(long peakBytes)
        => string.Create(CultureInfo.InvariantCulture, $"{(_isLaunched ? "at most " : "")}{peakBytes / 1e6:F0} MB {(_isLaunched ? "a rank" : "in this one process")}");
}
