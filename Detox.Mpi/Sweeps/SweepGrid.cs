using Detox.Mpi.Attacks;
using Detox.Mpi.Training;

namespace Detox.Mpi.Sweeps;

/// <summary>What a sweep's file says: methods, dimensions, and what all cells have in common.</summary>
/// <param name="Path">The file's, for errors.</param>
/// <param name="Settings">Of all cells; a method's own win.</param>
internal sealed record SweepGrid(
    string Path, SampleRule Rule, IReadOnlyList<Setting> Settings, IReadOnlyList<Dimension> Dimensions, IReadOnlyList<Method> Methods)
{
    public const int MostCells = 100_000;

    private const string Attack = "attack";

    /// <summary>Whether cells that cannot be run are left out, where they are errors else.</summary>
    public bool LeavesOutRefused { get; init; }

    /// <summary>Combinations, those included that q = 0 makes one.</summary>
    public long Count
    {
        get
        {
            long count = Methods.Count;
            foreach (Dimension dimension in Dimensions) count = Math.Min(count * dimension.Texts.Count, int.MaxValue);
            return count;
        }
    }

    public string RuleName => Rule == SampleRule.PerRank ? "per-rank" : "per-step";

    /// <summary>Every combination: method by method, of the dimensions the last one fastest. The options are resolved, but for threads, and not validated.</summary>
    /// <remarks>Where q = 0 all attacks of a list are one, that of nobody: the first stands for them, under the name of none.</remarks>
    public IEnumerable<GridPoint> Points()
    {
        int attack = Dimensions.ToList().FindIndex(dimension => dimension.Option.Name == Attack);
        foreach (Method method in Methods)
        {
            for (long number = 0; number < Count / Methods.Count; number++)
            {
                string[] values = Values(number);
                TrainOptions options = Options(method, values);
                if (options.Byzantine == 0 && attack >= 0)
                {
                    if (values[attack] != Dimensions[attack].Texts[0]) continue;
                    values[attack] = NoAttack.OwnName;
                    options = options with { Attack = NoAttack.OwnName };
                }

                yield return new GridPoint(method, values, options);
            }
        }
    }

    /// <summary>The line that sets an option for a method; the method's own where none does.</summary>
    public int LineOf(Method method, string option)
        => method.Settings.FirstOrDefault(setting => setting.Option.Name == option)?.Line
            ?? Dimensions.FirstOrDefault(dimension => dimension.Option.Name == option)?.Line
            ?? Settings.FirstOrDefault(setting => setting.Option.Name == option)?.Line
            ?? method.Line;

    private string[] Values(long number)
    {
        string[] values = new string[Dimensions.Count];
        for (int i = values.Length - 1; i >= 0; i--)
        {
            (number, long at) = Math.DivRem(number, Dimensions[i].Texts.Count);
            values[i] = Dimensions[i].Texts[(int)at];
        }

        return values;
    }

    private TrainOptions Options(Method method, string[] values)
    {
        TrainOptions options = new();
        foreach (Setting setting in Settings) options = setting.Option.Apply(options, setting.Text);
        for (int i = 0; i < values.Length; i++) options = Dimensions[i].Option.Apply(options, values[i]);
        foreach (Setting setting in method.Settings) options = setting.Option.Apply(options, setting.Text);

        // Of p/r groups each computes r x batch, so p x batch is what a step sees.
        if (Rule == SampleRule.PerStep) options = options with { Batch = (int)Math.Min(int.MaxValue, (long)options.Batch * Math.Max(1, options.GroupSize)) };
        return options.Resolve(launchedRanks: null, cores: 1);
    }
}

/// <summary>A combination of a method with a value of each dimension.</summary>
/// <param name="Values">In the order of the dimensions.</param>
internal sealed record GridPoint(Method Method, IReadOnlyList<string> Values, TrainOptions Options);
