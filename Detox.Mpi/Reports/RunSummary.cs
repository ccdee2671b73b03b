using System.Text;
using System.Text.Json;
using Detox.Mpi.Training;

namespace Detox.Mpi.Reports;

/// <summary>What a run adds up to: the counts over its steps, and how it ended.</summary>
internal sealed class RunSummary(TrainOptions options)
{
    private readonly double[] _phaseSeconds = new double[Enum.GetValues<Phase>().Length];
    private readonly List<double> _stepSeconds = [];
    private readonly int[] _faults = new int[options.Ranks!.Value];

    public int Steps => _stepSeconds.Count;

    public int SkippedSteps { get; private set; }

    public int VoidGroups { get; private set; }

    public long VectorBytes { get; private set; }

    public long? DivergedAt { get; private set; }

    public Score Score { get; set; }

    public double Seconds { get; set; }

    public double SecondsToFirstStep { get; set; }

    public string WeightsSha256 { get; set; } = "";

    /// <summary>What the ranks told of themselves, of this part of the run.</summary>
    public RankTable Ranks { get; set; } = new([]);

    public long PeakBytesOfARank => Ranks.Most(tally => tally.PeakBytes);

    /// <summary>In buffers of a GPU; 0 on the CPU.</summary>
    public long DeviceBytesOfARank => Ranks.Most(tally => tally.DeviceBytes);

    public required string Device { get; init; }

    public required string Messaging { get; init; }

    /// <summary>How often each rank was at fault.</summary>
    public ReadOnlySpan<int> Faults => _faults;

    /// <summary>The median of the steps' seconds, without what the attack cost.</summary>
    public double MedianStepSeconds
    {
        get
        {
            if (Steps == 0) return 0;
            double[] sorted = [.. _stepSeconds.Order()];
            return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        }
    }

    public static string Name(Phase phase) => phase switch
    {
        Phase.Compute => "compute",
        Phase.Attack => "attack",
        Phase.Vote => "vote",
        Phase.Aggregate => "aggregate",
        Phase.Broadcast => "broadcast",
        Phase.Checkpoint => "checkpoint",
        _ => throw new ArgumentOutOfRangeException(nameof(phase)),
    };

    public double SecondsOf(Phase phase) => _phaseSeconds[(int)phase];

    public void Add(StepRecord step)
    {
        _stepSeconds.Add(step.MethodSeconds);
        for (int phase = 0; phase < _phaseSeconds.Length; phase++) _phaseSeconds[phase] += step.Seconds[phase];
        if (step.Skipped is not null) SkippedSteps++;
        if (step.Diverged) DivergedAt = step.Step;
        VoidGroups += step.Voids.Count;
        VectorBytes += step.VectorBytes;
        AddFaults(step);
    }

    /// <summary>What came to light, or came, when the last step was over.</summary>
    public void AddLate(StepRecord record)
    {
        VectorBytes += record.VectorBytes;
        AddFaults(record);
    }

    private void AddFaults(StepRecord step)
    {
        foreach (Blame blame in step.Blames) AddFault(blame.Rank);
    }

    /// <summary>Of a run that went on with fewer ranks, those that it has no more are left out.</summary>
    public void AddFault(int rank)
    {
        if (rank < _faults.Length) _faults[rank]++;
    }

    public byte[] ToJson()
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("accuracy", Score.Accuracy);
            StepLine.WriteFinite(json, "loss", Score.Loss);
            json.WriteNumber("steps", Steps);
            json.WriteNumber("skipped_steps", SkippedSteps);
            json.WriteNumber("void_groups", VoidGroups);
            if (DivergedAt is { } step) json.WriteNumber("diverged_at_step", step);
            json.WriteNumber("seconds", Math.Round(Seconds, 3));
            json.WriteNumber("seconds_to_first_step", Math.Round(SecondsToFirstStep, 3));
            json.WriteNumber("median_step_seconds", Math.Round(MedianStepSeconds, 6));
            json.WriteStartObject("phase_seconds");
            foreach (Phase phase in Enum.GetValues<Phase>()) json.WriteNumber(Name(phase), Math.Round(SecondsOf(phase), 3));
            json.WriteEndObject();
            Ranks.Write(json);
            json.WriteNumber("vector_bytes", VectorBytes);
            json.WriteNumber("peak_bytes_of_a_rank", PeakBytesOfARank);
            if (DeviceBytesOfARank > 0) json.WriteNumber("device_bytes_of_a_rank", DeviceBytesOfARank);
            json.WriteString("weights_sha256", WeightsSha256);
            json.WriteStartObject("faults_of_rank");
            for (int rank = 0; rank < _faults.Length; rank++)
                if (_faults[rank] > 0) json.WriteNumber(rank.ToString(System.Globalization.CultureInfo.InvariantCulture), _faults[rank]);
            json.WriteEndObject();
            json.WriteStartObject("versions");
            json.WriteString("detox", typeof(RunSummary).Assembly.GetName().Version!.ToString(3));
            json.WriteString("dotnet", Environment.Version.ToString());
            json.WriteString("messaging", Messaging);
            json.WriteEndObject();
            json.WriteString("device", Device);
            json.WriteEndObject();
        }

        return [.. stream.ToArray(), .. Encoding.UTF8.GetBytes("\n")];
    }
}
