using System.Text.Json;
using Detox.Mpi.Reports;

namespace Detox.Mpi.Checkpoints;

/// <summary>What rank 0 remembers of a rank from step to step, beside what time alone decides.</summary>
/// <param name="Dissents">Steps in which its ballot was not its group's: by that it is asked ever more rarely.</param>
/// <param name="DissentedIn">The last step in which it was not, or was none.</param>
/// <param name="LeftQuestionIn">The last step in which it left a question unanswered.</param>
internal readonly record struct RankMemory(int Dissents, long DissentedIn, long LeftQuestionIn);

/// <summary>run.json of a checkpoint: all of a run's state that is no tensor.</summary>
internal sealed record RunState
{
    public const int CurrentFormat = 1;

    private static readonly JsonSerializerOptions _json = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
    };

    public required int Format { get; init; }

    /// <summary>The first step that is still to be computed.</summary>
    public required long Step { get; init; }

    /// <summary>The options, as config.toml has them.</summary>
    public required string Config { get; init; }

    /// <summary>Version and build.</summary>
    public required string Program { get; init; }

    /// <summary>Name and digest of the data set.</summary>
    public required string Data { get; init; }

    /// <summary>The root of the weights' SHA-256 tree.</summary>
    public required string Weights { get; init; }

    /// <summary>The digest of the last line of steps.jsonl.</summary>
    public required string Chain { get; init; }

    /// <summary>How long the run had trained.</summary>
    public required double Seconds { get; init; }

    public required LogMark Steps { get; init; }

    public required LogMark Evaluations { get; init; }

    public required LogMark Blame { get; init; }

    public required IReadOnlyList<RankMemory> Ranks { get; init; }

    public byte[] ToJson() => [.. JsonSerializer.SerializeToUtf8Bytes(this, _json), (byte)'\n'];

    /// <exception cref="InvalidDataException">The bytes are no such state.</exception>
    public static RunState Parse(byte[] json)
    {
        try
        {
            RunState state = JsonSerializer.Deserialize<RunState>(json, _json) ?? throw new InvalidDataException("it is empty");
            return state.Format == CurrentFormat ? state
                : throw new InvalidDataException($"its format is {state.Format}, and this program reads {CurrentFormat}");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"it is not what this program writes: {error.Message}", error);
        }
    }
}
