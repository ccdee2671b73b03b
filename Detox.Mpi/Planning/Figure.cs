using System.Globalization;

namespace Detox.Mpi.Planning;

/// <summary>Numbers as plans print them: three digits, or all of a whole number from 100 on.</summary>
internal static class Figure
{
    public static string Text(double value) => value switch
    {
        0 => "0",
        > 0 and < 1e-3 => value.ToString("0.0e-0", CultureInfo.InvariantCulture),
        >= 99.95 => value.ToString("N0", CultureInfo.InvariantCulture),
        _ => double.IsFinite(value) ? value.ToString("G3", CultureInfo.InvariantCulture) : "",
    };
}
