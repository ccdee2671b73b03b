using System.Collections;
using System.Globalization;

namespace Detox.Mpi.Sweeps;

/// <summary>Which cells a process runs: of n processes the i-th takes the cells i, i + n, i + 2n, ...</summary>
/// <param name="Index">i, from 0.</param>
/// <param name="Count">n.</param>
internal readonly record struct Share(int Index, int Count)
{
    public static Share All { get; } = new(0, 1);

    /// <summary>The share of a task of a SLURM array; all where there is none.</summary>
    /// <param name="variables">The environment, as strings by name.</param>
    /// <exception cref="DetoxException">The array's numbers are no range.</exception>
    public static Share OfArray(IDictionary variables)
    {
        if (Number("SLURM_ARRAY_TASK_ID") is not { } id || Number("SLURM_ARRAY_TASK_COUNT") is not { } count) return All;
        int first = Number("SLURM_ARRAY_TASK_MIN") ?? 0, step = Math.Max(1, Number("SLURM_ARRAY_TASK_STEP") ?? 1);
        int index = (id - first) / step;
        if (count < 1 || (id - first) % step != 0 || index < 0 || index >= count)
        {
            throw new DetoxException(
                ExitCode.Environment,
                $"SLURM_ARRAY_TASK_ID {id}: expected one of the {count} numbers from {first} by {step}; give the array a range, as --array=0-{Math.Max(1, count) - 1}.");
        }

        return new Share(index, count);

        int? Number(string name) => int.TryParse(variables[name] as string, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;
    }

    /// <summary>The share of a rank where each of these processes is a job of several.</summary>
    public Share OfRank(int rank, int size) => new((Index * size) + rank, Count * size);

    public bool Has(int cell) => cell % Count == Index;
}
