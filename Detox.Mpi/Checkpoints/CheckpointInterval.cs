using System.Globalization;

namespace Detox.Mpi.Checkpoints;

/// <summary>How often a run is saved: after so many steps, or so much time; neither: never.</summary>
public readonly record struct CheckpointInterval(long Steps, TimeSpan Time)
{
    private static readonly (string Name, double Seconds)[] _units = [("s", 1), ("min", 60), ("h", 3600)];

    /// <summary>Ten minutes.</summary>
    public static CheckpointInterval Default { get; } = new(0, TimeSpan.FromMinutes(10));

    public bool IsNever => Steps == 0 && Time == TimeSpan.Zero;

    /// <summary>"100" steps, "30 s", "10 min", "1.5 h"; "0": never.</summary>
    /// <exception cref="FormatException">The text is none of these.</exception>
    public static CheckpointInterval Parse(string text)
    {
        string trimmed = text.Trim();
        if (long.TryParse(trimmed, NumberStyles.None, CultureInfo.InvariantCulture, out long steps)) return new(steps, TimeSpan.Zero);
        foreach ((string name, double seconds) in _units)
        {
            if (!trimmed.EndsWith(name, StringComparison.Ordinal)) continue;
            if (double.TryParse(trimmed[..^name.Length].TrimEnd(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double count) && count > 0 && count * seconds < int.MaxValue)
                return new(0, TimeSpan.FromSeconds(count * seconds));
        }

        throw new FormatException("steps, as 100, or a time, as 30 s, 10 min or 1.5 h; 0: never");
    }

    public bool IsDue(long stepsSince, TimeSpan timeSince) => (Steps > 0 && stepsSince >= Steps) || (Time > TimeSpan.Zero && timeSince >= Time);

    public override string ToString()
    {
        if (Time == TimeSpan.Zero) return Steps.ToString(CultureInfo.InvariantCulture);
        double seconds = Time.TotalSeconds;
        (string name, double unit) = Array.FindLast(_units, unit => unit.Seconds == 1 || seconds % unit.Seconds == 0);
        return string.Create(CultureInfo.InvariantCulture, $"{seconds / unit:R} {name}");
    }
}
