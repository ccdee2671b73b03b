using System.Globalization;

namespace Detox.Mpi.Training;

/// <summary>When a rank is asked no more: it was wrong in so many of the last steps in which it voted. By default never.</summary>
public readonly record struct QuarantineRule(int Faults, int Steps)
{
    public bool IsNever => Faults == 0;

    /// <summary>"3/10"; "none": never.</summary>
    /// <exception cref="FormatException">The text is none of these.</exception>
    public static QuarantineRule Parse(string text)
    {
        if (text == "none") return default;
        string[] parts = text.Split('/');
        if (parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int faults)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int steps) && faults >= 1 && faults <= steps)
            return new(faults, steps);
        throw new FormatException("faults and steps, as 3/10, or none");
    }

    /// <summary>Whether a fault tells of a rank that computes or speaks wrongly; one that is silent costs nothing any more.</summary>
    public static bool Counts(Fault fault) => fault != Fault.Absent;

    public override string ToString() => IsNever ? "none" : string.Create(CultureInfo.InvariantCulture, $"{Faults}/{Steps}");
}
