using System.Globalization;
using System.Text;
using System.Text.Json;
using Detox.Mpi.Training;

namespace Detox.Mpi.Reports;

/// <summary>The files of one run: config.toml, ranks.csv, steps.jsonl, evaluations.csv, blame.csv and result.json.</summary>
/// <remarks>What a step adds has been handed to the system when <see cref="Add(StepRecord)"/> returns. config.toml and result.json
/// appear whole or not at all. A folder that cannot be made is an error; once training runs, a failed write is one of the losses.</remarks>
internal sealed class RunFolder : IDisposable
{
    private static readonly Phase[] _phases = Enum.GetValues<Phase>();
    private readonly Func<int, string> _describe;
    private readonly Losses _losses;
    private readonly LineLog _steps;
    private readonly LineLog _evaluations;
    private readonly LineLog _blame;
    private readonly Utf8JsonWriter _json;

    /// <param name="describe">Names an element of the payload: "conv1.weight[0,3,0,7]".</param>
    public RunFolder(TrainOptions options, Func<int, string> describe, Losses losses)
    {
        _describe = describe;
        _losses = losses;
        Path = System.IO.Path.Combine(options.Out, options.Name!);
        bool isMine = false;
        try
        {
            isMine = FolderClaim.TryMake(Path);
            if (!isMine)
                throw new DetoxException(ExitCode.Usage, $"--out {options.Out}, --name {options.Name}: the folder {Path} exists already; choose another name.");
            WriteWhole("config.toml", Encoding.UTF8.GetBytes(ConfigFile.Write(options)));
            _steps = LineLog.Create(In("steps.jsonl"), header: null, losses);
            _evaluations = LineLog.Create(In("evaluations.csv"), "step,seconds,accuracy,loss", losses);
            _blame = LineLog.Create(In("blame.csv"), "step,rank,group,fault,leaves,index,parameter,expected,found", losses);
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            _steps?.Dispose();
            _evaluations?.Dispose();
            if (isMine) GiveBack();
            throw new DetoxException(ExitCode.Usage, $"--out {options.Out}: the run's folder {Path} cannot be written: {error.Message}", error);
        }

        _json = new Utf8JsonWriter(_steps.Pending);
    }

    public string Path { get; }

    public void Add(StepRecord step)
    {
        Write(step);
        _steps.Commit();
        AddBlames(step);
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
        try
        {
            WriteWhole("ranks.csv", Encoding.UTF8.GetBytes(text.ToString()));
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            _losses.Add(In("ranks.csv"), error, "it is left out");
        }
    }

    public void Add(int step, double seconds, Score score)
    {
        _evaluations.Add(string.Create(CultureInfo.InvariantCulture, $"{step},{seconds:F3},{score.Accuracy:F5},{score.Loss:R}"));
        _evaluations.Commit();
    }

    /// <summary>The run's end: what it adds up to.</summary>
    public void Complete(RunSummary summary)
    {
        _steps.Complete();
        _evaluations.Complete();
        _blame.Complete();
        try
        {
            WriteWhole("result.json", summary.ToJson());
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            _losses.Add(In("result.json"), error, "it is left out");
        }
    }

    public void Dispose()
    {
        _json.Dispose();
        _steps.Dispose();
        _evaluations.Dispose();
        _blame.Dispose();
    }

    public static void WriteFinite(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, value);
        else json.WriteNull(name);
    }

    /// <summary>A fault as blame.csv has it: VectorMismatch is vector-mismatch.</summary>
    public static string Text(Fault fault) => JsonNamingPolicy.KebabCaseLower.ConvertName(fault.ToString());

    private void Write(StepRecord step)
    {
        Utf8JsonWriter json = _json;
        json.Reset();
        json.WriteStartObject();
        json.WriteNumber("step", step.Step);
        WriteFinite(json, "loss", step.Loss);
        WriteFinite(json, "learning_rate", step.LearningRate);
        json.WriteStartObject("seconds");
        foreach (Phase phase in _phases) json.WriteNumber(RunSummary.Name(phase), Math.Round(step.Seconds[(int)phase], 6));
        json.WriteEndObject();
        json.WriteNumber("vector_bytes", step.VectorBytes);
        json.WriteStartArray("voids");
        foreach (int group in step.Voids) json.WriteNumberValue(group);
        json.WriteEndArray();
        json.WriteStartArray("void_by_time");
        foreach (int group in step.VoidsByTime) json.WriteNumberValue(group);
        json.WriteEndArray();
        json.WriteStartArray("missing");
        foreach (int rank in step.Missing) json.WriteNumberValue(rank);
        json.WriteEndArray();
        json.WriteStartArray("dissenters");
        for (int i = 0; i < step.Blames.Count; i++)
            if (step.IsFirstOfItsRank(i)) json.WriteNumberValue(step.Blames[i].Rank);
        json.WriteEndArray();
        if (step.Skipped is not null) json.WriteString("skipped", step.Skipped);
        json.WriteEndObject();
        json.Flush();
        _steps.EndLine();
    }

    private string Line(Blame blame)
    {
        string place = blame.Index < 0 ? ",,,"
            : string.Create(CultureInfo.InvariantCulture, $"{blame.Index},\"{_describe(blame.Index)}\",{blame.Expected:R},{blame.Found:R}");
        return string.Create(CultureInfo.InvariantCulture, $"{blame.Step},{blame.Rank},{blame.Group},{Text(blame.Fault)},{blame.Leaves},{place}");
    }

    /// <summary>The file gets its name when all of it is on the disk, so that nobody ever reads half of it.</summary>
    private void WriteWhole(string name, byte[] bytes)
    {
        string file = In(name), draft = file + ".part";
        try
        {
            using (FileStream stream = new(draft, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }

            File.Move(draft, file, overwrite: true);
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            Try(() => File.Delete(draft));
            throw;
        }
    }

    /// <summary>A run that has not begun leaves its name to the next.</summary>
    private void GiveBack() => Try(() => Directory.Delete(Path, recursive: true));

    /// <summary>Tidies up after a failure, which is what is said; that tidying fails as well is not.</summary>
    private static void Try(Action tidy)
    {
        try
        {
            tidy();
        }
        catch (Exception error) when (Losses.Covers(error))
        {
        }
    }

    private string In(string file) => System.IO.Path.Combine(Path, file);
}
