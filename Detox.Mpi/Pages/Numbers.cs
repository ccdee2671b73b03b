using System.Globalization;
using Detox.Mpi.Planning;

namespace Detox.Mpi.Pages;

/// <summary>Numbers as pages show them.</summary>
internal static class Numbers
{
    public static string Percent(double share) => double.IsFinite(share) ? (share * 100).ToString("F2", CultureInfo.InvariantCulture) + " %" : "-";

    /// <summary>As short as it may be, for axes.</summary>
    public static string ShortPercent(double share) => (share * 100).ToString("0.##", CultureInfo.InvariantCulture) + " %";

    public static string Whole(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Three digits; "-" for what is no number.</summary>
    public static string Short(double value) => double.IsFinite(value) ? Figure.Text(value) is { Length: > 0 } text ? text : value.ToString("G3", CultureInfo.InvariantCulture) : "-";

    /// <summary>For other programs: reads back as the same number; empty for none.</summary>
    public static string Raw(double? value) => value is { } number && double.IsFinite(number) ? number.ToString("R", CultureInfo.InvariantCulture) : "";
}
