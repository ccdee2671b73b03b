using System.Globalization;
using Detox.Mpi.Training;

namespace Detox.Mpi.Reports;

/// <summary>blame.csv of a run's folder, as <see cref="RunFolder"/> writes it.</summary>
internal static class BlameLog
{
    private static readonly Dictionary<string, Fault> _faults = Enum.GetValues<Fault>().ToDictionary(RunFolder.Text);

    /// <summary>Every fault, with its line.</summary>
    /// <exception cref="InvalidDataException">A line is none of these, or the file is missing: the message names it.</exception>
    public static IEnumerable<(Blame Blame, string Line)> Read(string folder)
    {
        string path = Path.Combine(folder, RunFolder.Blames);
        if (!File.Exists(path)) throw new InvalidDataException($"{path} is missing");
        int number = 1;
        foreach (string line in File.ReadLines(path).Skip(1))
        {
            number++;
            yield return (Parse(line) ?? throw new InvalidDataException($"{path}, line {number}: expected a fault as this program writes it"), line);
        }
    }

    /// <summary>Null where the line is no fault. The parameter's name stands in quotes, and follows from the index.</summary>
    private static Blame? Parse(string line)
    {
        string[] parts = line.Split('"');
        string[] who = parts[0].Split(','), values = parts[^1].Split(',');
        const int fields = 6;
        if (who.Length < fields || !_faults.TryGetValue(who[3], out Fault fault)) return null;
        if (!Whole(who[0], out long step) || !Whole(who[1], out int rank) || !Whole(who[2], out int group) || !Whole(who[4], out int leaves)) return null;
        Blame blame = new(step, rank, group, fault, leaves);
        if (parts.Length == 1) return blame;
        return parts.Length == 3 && values.Length == 3 && Whole(who[5], out int index) && Number(values[1], out float expected) && Number(values[2], out float found)
            ? blame with { Index = index, Expected = expected, Found = found } : null;
    }

    private static bool Whole<T>(string text, out T value)
        where T : struct, System.Numerics.IBinaryInteger<T>
        => T.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static bool Number(string text, out float value) => float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
}
