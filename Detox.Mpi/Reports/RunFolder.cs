using System.Globalization;
using System.Text;
using System.Text.Json;
using Detox.Mpi.Training;

namespace Detox.Mpi.Reports;

/// <summary>The files of one run: config.toml, steps.jsonl, evaluations.csv, blame.csv and result.json.</summary>
internal sealed class RunFolder : IDisposable
{
    private readonly FileStream _steps;
    private readonly StreamWriter _evaluations;
    private readonly StreamWriter _blame;
    private readonly Func<int, string> _describe;

    /// <param name="describe">Names an element of the payload: "conv1.weight[0,3,0,7]".</param>
    public RunFolder(TrainOptions options, Func<int, string> describe)
    {
        _describe = describe;
        Path = System.IO.Path.Combine(options.Out, options.Name!);
        if (Directory.Exists(Path))
            throw new DetoxException(ExitCode.Usage, $"--out {options.Out}, --name {options.Name}: the folder {Path} exists already; choose another name.");
        try
        {
            Directory.CreateDirectory(Path);
            File.WriteAllText(In("config.toml"), ConfigFile.Write(options));
            _steps = File.Create(In("steps.jsonl"));
            _evaluations = new StreamWriter(In("evaluations.csv"));
            _blame = new StreamWriter(In("blame.csv"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DetoxException(ExitCode.Usage, $"--out {options.Out}: the run's folder {Path} cannot be written: {error.Message}", error);
        }

        _evaluations.WriteLine("step,seconds,accuracy,loss");
        _blame.WriteLine("step,rank,group,fault,leaves,index,parameter,expected,found");
    }

    public string Path { get; }

    public void Add(StepRecord step)
    {
        using (Utf8JsonWriter json = new(_steps))
        {
            json.WriteStartObject();
            json.WriteNumber("step", step.Step);
            WriteFinite(json, "loss", step.Loss);
            WriteFinite(json, "learning_rate", step.LearningRate);
            json.WriteStartObject("seconds");
            foreach (Phase phase in Enum.GetValues<Phase>()) json.WriteNumber(RunSummary.Name(phase), Math.Round(step.Seconds[(int)phase], 6));
            json.WriteEndObject();
            json.WriteNumber("vector_bytes", step.VectorBytes);
            json.WriteStartArray("voids");
            foreach (int group in step.Voids) json.WriteNumberValue(group);
            json.WriteEndArray();
            json.WriteStartArray("dissenters");
            foreach (Blame blame in step.Blames) json.WriteNumberValue(blame.Rank);
            json.WriteEndArray();
            if (step.Skipped is not null) json.WriteString("skipped", step.Skipped);
            json.WriteEndObject();
        }

        _steps.WriteByte((byte)'\n');
        foreach (Blame blame in step.Blames) Add(blame);
    }

    public void Add(int step, double seconds, Score score)
    {
        _evaluations.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{step},{seconds:F3},{score.Accuracy:F5},{score.Loss:R}"));
        Flush();
    }

    public void Write(RunSummary summary) => File.WriteAllBytes(In("result.json"), summary.ToJson());

    public void Dispose()
    {
        _steps.Dispose();
        _evaluations.Dispose();
        _blame.Dispose();
    }

    public static void WriteFinite(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, value);
        else json.WriteNull(name);
    }

    private void Add(Blame blame)
    {
        string fault = blame.Fault switch
        {
            Fault.Dissent => "dissent",
            Fault.VectorMismatch => "vector-mismatch",
            Fault.DamagedWeights => "damaged-weights",
            _ => throw new ArgumentOutOfRangeException(nameof(blame)),
        };
        StringBuilder line = new();
        line.Append(CultureInfo.InvariantCulture, $"{blame.Step},{blame.Rank},{blame.Group},{fault},{blame.Leaves},");
        if (blame.Index >= 0)
            line.Append(CultureInfo.InvariantCulture, $"{blame.Index},\"{_describe(blame.Index)}\",{blame.Expected:R},{blame.Found:R}");
        else line.Append(",,,");
        _blame.WriteLine(line);
    }

    private void Flush()
    {
        _steps.Flush();
        _evaluations.Flush();
        _blame.Flush();
    }

    private string In(string file) => System.IO.Path.Combine(Path, file);
}
