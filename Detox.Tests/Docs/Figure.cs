namespace Detox.Tests.Docs;

/// <summary>A measured number, as a page shows it.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Text">With its unit: "97.45 %".</param>
/// <param name="Value">NaN where it is spelled out, which nothing can be compared with.</param>
/// <param name="Digits">Behind the point; below 0 where the last digit shown is no unit.</param>
/// <param name="Unit">Empty: none.</param>
/// <param name="Context">The sentences or the cell around it, on one line.</param>
internal sealed record Figure(int Line, string Text, double Value, int Digits, string Unit, string Context)
{
    /// <summary>By how much the value of a file, in another unit that such values have, is to be multiplied before it is compared.</summary>
    private static readonly Dictionary<string, double[]> _scales = new()
    {
        [""] = [1],
        ["%"] = [1, 100],
        ["points"] = [1, 100],
        ["times"] = [1],
        ["s"] = [1, 1e-3],
        ["ms"] = [1, 1e3],
        ["seconds"] = [1],
        ["minutes"] = [1, 1.0 / 60],
        ["hours"] = [1, 1.0 / 3600],
        ["KB"] = [1, 1e-3],
        ["MB"] = [1, 1e-6],
        ["GB"] = [1, 1e-9, 1e-3],
        ["GB/s"] = [1, 1e-9],
        ["Gop/s"] = [1],
        ["GFLOP/s"] = [1],
        ["GFLOP"] = [1],
    };

    /// <summary>The longest first, as a pattern wants them.</summary>
    public static IEnumerable<string> Units => _scales.Keys.Where(unit => unit.Length > 0).OrderByDescending(unit => unit.Length);

    /// <summary>Whether the number is that value, rounded to the digits that it has.</summary>
    public bool Is(double value)
    {
        double half = 0.5 * Math.Pow(10, -Digits);
        return Array.Exists(_scales[Unit], scale => Math.Abs((value * scale) - Value) <= half * (1 + 1e-9));
    }
}
