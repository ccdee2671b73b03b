using Detox.Mpi.Training;

namespace Detox.Mpi.Sweeps;

/// <summary>An option of train with one value, as a line of a sweep's file has it.</summary>
/// <param name="Line">From 1.</param>
internal sealed record Setting(TrainOption Option, string Text, int Line);

/// <summary>An option with several values: a dimension of the grid.</summary>
internal sealed record Dimension(TrainOption Option, IReadOnlyList<string> Texts, int Line);

/// <summary>A method that is compared with others: its name and the options that make it.</summary>
internal sealed record Method(string Name, IReadOnlyList<Setting> Settings, int Line)
{
    /// <summary>The one of a file that names none.</summary>
    public const string Default = "default";
}
