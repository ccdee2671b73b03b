namespace Detox.Mpi.Pages;

/// <summary>Several measurements of one thing: how many, their mean, the least and the most.</summary>
internal readonly record struct Spread(int Count, double Mean, double Least, double Most)
{
    public static Spread Of(double value) => new(1, value, value, value);

    /// <summary>What is not finite does not count.</summary>
    public static Spread Of(IEnumerable<double> values)
    {
        double[] finite = [.. values.Where(double.IsFinite)];
        return finite.Length == 0 ? new(0, double.NaN, double.NaN, double.NaN) : new(finite.Length, finite.Average(), finite.Min(), finite.Max());
    }

    /// <summary>Of positive numbers.</summary>
    public Spread Log10() => new(Count, Math.Log10(Mean), Math.Log10(Least), Math.Log10(Most));

    /// <summary>"97.40 % (96.85 to 98.00 %)" with a format of one number; the range only where there is one.</summary>
    public string Text(Func<double, string> number)
        => Count == 0 ? "-" : Count == 1 || Least == Most ? number(Mean) : $"{number(Mean)} ({number(Least)} to {number(Most)})";
}
