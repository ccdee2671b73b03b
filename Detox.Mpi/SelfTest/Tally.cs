using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Detox.Mpi.Reports;

namespace Detox.Mpi.SelfTest;

/// <summary>What the rounds of a self-test have found so far: the first mismatch of each place, and how many there were.</summary>
internal sealed class Tally
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly List<(Mismatch First, int Times)> _mismatches = [];
    private bool _isWrong;

    public int Rounds { get; private set; }

    public int WrongRounds { get; private set; }

    public double Seconds => Stopwatch.GetElapsedTime(_start).TotalSeconds;

    public string Time => string.Create(CultureInfo.InvariantCulture, $"{Rounds} {(Rounds == 1 ? "round" : "rounds")} in {Seconds:F1} s");

    /// <summary>Which places were wrong, and how many times.</summary>
    public string Places => string.Join("; ", _mismatches.Select(mismatch => $"{mismatch.First.Where.Place} ({mismatch.Times})"));

    /// <summary>How many times the mismatch's place has been wrong, this one included.</summary>
    public int Add(Mismatch mismatch)
    {
        _isWrong = true;
        int index = _mismatches.FindIndex(known => known.First.Where.Place == mismatch.Where.Place);
        if (index < 0)
        {
            _mismatches.Add((mismatch, 1));
            return 1;
        }

        _mismatches[index] = (_mismatches[index].First, _mismatches[index].Times + 1);
        return _mismatches[index].Times;
    }

    public void EndRound()
    {
        Rounds++;
        if (_isWrong) WrongRounds++;
        _isWrong = false;
    }

    public string ToJson(IReadOnlyList<string> places)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("host", Environment.MachineName);
            writer.WriteBoolean("right", WrongRounds == 0);
            writer.WriteNumber("seconds", Seconds);
            writer.WriteNumber("rounds", Rounds);
            writer.WriteNumber("wrong_rounds", WrongRounds);
            writer.WriteStartArray("places");
            foreach (string place in places) writer.WriteStringValue(place);
            writer.WriteEndArray();
            writer.WriteStartArray("mismatches");
            foreach ((Mismatch first, int times) in _mismatches)
            {
                writer.WriteStartObject();
                writer.WriteString("place", first.Where.Place);
                writer.WriteNumber("times", times);
                writer.WriteString("model", first.Where.Model);
                writer.WriteNumber("step", first.Where.Step);
                writer.WriteString("op", first.Where.Op);
                writer.WriteString("tensor", first.Where.Tensor);
                writer.WriteNumber("element", first.Where.Index);
                StepLine.WriteFinite(writer, "expected", first.Expected);
                StepLine.WriteFinite(writer, "found", first.Found);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
