using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Training;

namespace Detox.Mpi.Reports;

/// <summary>The files of one run: config.toml, ranks.csv, steps.jsonl, evaluations.csv, blame.csv, result.json, and a manifest of them.</summary>
/// <remarks>What a step adds has been handed to the system when <see cref="Add(StepRecord)"/> returns. The other files
/// appear whole or not at all. A folder that cannot be made is an error; once training runs, a failed write is one of the losses.</remarks>
internal sealed class RunFolder : IDisposable
{
    public const string Config = "config.toml", Steps = "steps.jsonl", Blames = "blame.csv", Evaluations = "evaluations.csv", RanksFile = "ranks.csv", Result = "result.json";

    /// <summary>What a run that shares its process with others says; no part of what it has computed.</summary>
    public const string Output = "output.log";

    /// <summary>A folder that report makes beside them.</summary>
    public const string Report = "report";

    private const string ResumeMe = "resume-me", QuarantineFile = "quarantine.txt";

    private static readonly string[] _files = [Config, Steps, Evaluations, Blames, RanksFile, Result, QuarantineFile];

    private readonly Func<int, string> _describe;
    private readonly Losses _losses;
    private readonly LineLog _steps;
    private readonly LineLog _evaluations;
    private readonly LineLog _blame;
    private readonly StepChain _chain;
    private readonly ArrayBufferWriter<byte> _line = new(initialCapacity: 1024);
    private readonly Utf8JsonWriter _json;
    private readonly byte[] _blameDigits = new byte[2 * SHA256.HashSizeInBytes];

    /// <param name="describe">Names an element of the payload: "conv1.weight[0,3,0,7]".</param>
    /// <param name="resume">Where the run goes on, in the folder that it has; null: it is a new one, whose folder must not exist.</param>
    public RunFolder(TrainOptions options, Func<int, string> describe, Losses losses, ResumePoint? resume = null)
    {
        _describe = describe;
        _losses = losses;
        Path = System.IO.Path.Combine(options.Out, options.Name!);
        bool isMine = false;
        try
        {
            isMine = resume is null && FolderClaim.TryMake(Path);
            if (!isMine && resume is null)
                throw new DetoxException(ExitCode.Usage, $"--out {options.Out}, --name {options.Name}: the folder {Path} exists already; choose another name, or go on with --resume {Path}.");
            if (resume is not null) Delete(Result, Manifest.FileName, ResumeMe);
            if (resume?.State is { } state)
            {
                _steps = LineLog.Continue(In(Steps), state.Steps.Bytes, losses);
                _evaluations = LineLog.Continue(In(Evaluations), state.Evaluations.Bytes, losses);
                _blame = LineLog.Continue(In(Blames), state.Blame.Bytes, losses);
                _chain = StepChain.From(state.Chain);
            }
            else
            {
                // A run that was ended before its first checkpoint begins anew, with the options that it has.
                if (resume is null || !File.Exists(In(Config))) WriteWhole(Config, Encoding.UTF8.GetBytes(ConfigFile.Write(options)));
                if (resume is not null) Delete(Steps, Evaluations, Blames);
                _steps = LineLog.Create(In(Steps), header: null, losses);
                _evaluations = LineLog.Create(In(Evaluations), "step,seconds,accuracy,loss", losses);
                _blame = LineLog.Create(In(Blames), "step,rank,group,fault,leaves,index,parameter,expected,found", losses);
                _chain = StepChain.Begin(File.ReadAllBytes(In(Config)));
            }
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            _steps?.Dispose();
            _evaluations?.Dispose();
            if (isMine) GiveBack();
            throw new DetoxException(ExitCode.Usage, $"--out {options.Out}: the run's folder {Path} cannot be written: {error.Message}", error);
        }

        _json = new Utf8JsonWriter(_line);
    }

    public string Path { get; }

    /// <summary>Adds up what the logs of a run that goes on hold already.</summary>
    /// <exception cref="DetoxException">A line cannot be read.</exception>
    public void Recall(RunSummary summary)
    {
        StepRecord record = new();
        int number = 0;
        foreach (string line in File.ReadLines(In(Steps)))
        {
            number++;
            try
            {
                StepLine.Read(Encoding.UTF8.GetBytes(line), record);
            }
            catch (FormatException error)
            {
                throw new DetoxException(ExitCode.NoCheckpoint, $"{In(Steps)}, line {number}: expected {error.Message}.", error);
            }

            summary.Add(record);
        }

        foreach (string line in File.ReadLines(In(Blames)).Skip(1)) summary.AddFault(int.Parse(line.Split(',')[1], CultureInfo.InvariantCulture));
    }

    public void Add(StepRecord step)
    {
        // The step's line says what blame.csv holds with it.
        AddBlames(step);
        _blame.WriteDigest(_blameDigits);
        _line.ResetWrittenCount();
        _json.Reset();
        StepLine.Write(_json, step, _blameDigits);
        _chain.Append(_line.WrittenSpan, _steps.Pending);
        _steps.EndLine();
        _steps.Commit();
    }

    /// <summary>The faults alone.</summary>
    public void AddBlames(StepRecord step)
    {
        foreach (Blame blame in step.Blames) _blame.Add(Line(blame));
        _blame.Commit();
    }

    /// <summary>ranks.csv: where each rank runs, so that a launcher's word about a process can be understood.</summary>
    public void Add(RunStart start)
    {
        StringBuilder text = new("rank,host,process\n");
        for (int rank = 0; rank < start.Hosts.Count; rank++) text.Append(CultureInfo.InvariantCulture, $"{rank},{start.Hosts[rank]},{start.Processes[rank]}\n");
        Try(RanksFile, () => WriteWhole(RanksFile, Encoding.UTF8.GetBytes(text.ToString())));
    }

    public void Add(long step, double seconds, Score score)
    {
        _evaluations.Add(string.Create(CultureInfo.InvariantCulture, $"{step},{seconds:F3},{score.Accuracy:F5},{score.Loss:R}"));
        _evaluations.Commit();
    }

    /// <summary>An <see cref="InvalidDataException"/> where the logs of a run do not hold what they held when a checkpoint was made.</summary>
    public static void Expect(string folder, RunState state)
    {
        foreach ((string name, LogMark said) in ((string, LogMark)[])[(Steps, state.Steps), (Evaluations, state.Evaluations), (Blames, state.Blame)])
        {
            string file = System.IO.Path.Combine(folder, name);
            if (!File.Exists(file)) throw new InvalidDataException($"{file} is missing");
            LogMark found = LogMark.Of(file, said.Bytes);
            if (found.Bytes < said.Bytes) throw new InvalidDataException($"{file} has {found.Bytes} bytes, and had {said.Bytes} when it was made");
            if (found.Sha256 != said.Sha256) throw new InvalidDataException($"the first {said.Bytes} bytes of {file} have changed since it was made");
        }
    }

    /// <summary>How far the logs are, for a checkpoint: the steps, the evaluations, the faults, and the digest of the last step's line.</summary>
    public (LogMark Steps, LogMark Evaluations, LogMark Blame, string Chain) Mark() => (_steps.Mark, _evaluations.Mark, _blame.Mark, _chain.Last);

    /// <summary>Waits until the logs are on the disk; from any thread.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void Flush()
    {
        _steps.Flush();
        _evaluations.Flush();
        _blame.Flush();
    }

    /// <summary>The run's end: what it adds up to, and the manifest of its files.</summary>
    public void Complete(RunSummary summary)
    {
        _steps.Complete();
        _evaluations.Complete();
        _blame.Complete();
        Try(Result, () => WriteWhole(Result, summary.ToJson()));
        Try(Manifest.FileName, () => WriteManifest(Path));
    }

    /// <summary>manifest.json of a run that has ended.</summary>
    /// <param name="folder">The run's.</param>
    public static void WriteManifest(string folder)
        => Durable.Replace(System.IO.Path.Combine(folder, Manifest.FileName), Manifest.Of(folder, _files.Where(name => File.Exists(System.IO.Path.Combine(folder, name)))));

    /// <summary>The hosts in quarantine.txt; none where there is no such file.</summary>
    public IReadOnlyCollection<string> Quarantined()
        => File.Exists(In(QuarantineFile)) ? [.. File.ReadLines(In(QuarantineFile)).Select(line => line.Trim()).Where(line => line.Length > 0)] : [];

    /// <summary>quarantine.txt: a host a line, as srun --exclude and a hostfile take it, those of earlier parts of the run included.</summary>
    public void Quarantine(IReadOnlyList<string> hosts)
        => Try(QuarantineFile, () => WriteWhole(QuarantineFile, Encoding.UTF8.GetBytes(string.Concat(Quarantined().Union(hosts).Select(host => $"{host}\n")))));

    /// <summary>The run stops before its end.</summary>
    /// <param name="isToGoOn">Whether to leave word for a script that it may start again as it is.</param>
    public void Interrupt(bool isToGoOn)
    {
        _steps.Complete();
        _evaluations.Complete();
        _blame.Complete();
        if (isToGoOn) Try(ResumeMe, () => WriteWhole(ResumeMe, []));
    }

    public void Dispose()
    {
        _json.Dispose();
        _steps.Dispose();
        _evaluations.Dispose();
        _blame.Dispose();
    }

    /// <summary>A fault as blame.csv has it: VectorMismatch is vector-mismatch.</summary>
    public static string Text(Fault fault) => JsonNamingPolicy.KebabCaseLower.ConvertName(fault.ToString());

    private string Line(Blame blame)
    {
        string place = blame.Index < 0 ? ",,,"
            : string.Create(CultureInfo.InvariantCulture, $"{blame.Index},\"{_describe(blame.Index)}\",{blame.Expected:R},{blame.Found:R}");
        return string.Create(CultureInfo.InvariantCulture, $"{blame.Step},{blame.Rank},{blame.Group},{Text(blame.Fault)},{blame.Leaves},{place}");
    }

    private void WriteWhole(string name, byte[] bytes) => Durable.Replace(In(name), bytes);

    private void Delete(params ReadOnlySpan<string> names)
    {
        foreach (string name in names) File.Delete(In(name));
    }

    /// <summary>A run that has not begun leaves its name to the next.</summary>
    private void GiveBack() => Losses.PassOver(() => Directory.Delete(Path, recursive: true));

    /// <summary>Writes a file that the training can do without.</summary>
    private void Try(string name, Action write)
    {
        try
        {
            write();
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            _losses.Add(In(name), error, "it is left out");
        }
    }

    private string In(string file) => System.IO.Path.Combine(Path, file);
}
