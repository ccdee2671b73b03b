using Detox.Gpu.Tables;

namespace Detox.Mpi.Data;

/// <summary>Finds the data that <c>--data</c> names: a built-in set by its name, else a folder.</summary>
public static class DataSource
{
    // As many names of a folder's files as an error shows.
    private const int MostNamesShown = 5;

    /// <summary>The sets that need no file, made from a seed. A folder of the same name is reached as <c>./digits</c>. To add one is to add its
    /// file and a row.</summary>
    public static Table<Func<ulong, DataSplit>> Known { get; } = new(
        "built-in set",
        [
            new("digits", "grey digits, 28 x 28", DigitSet.Open),
            new("objects", "ten kinds of objects in colour, 32 x 32", ObjectSet.Open),
        ]);

    /// <summary>Opens the data; an error names the folder or file and what was expected there.</summary>
    /// <param name="data">A name of <see cref="Known"/>, or a folder of IDX or CIFAR binary files.</param>
    /// <param name="seed">Chooses the samples of a built-in set; a folder's samples do not depend on it.</param>
    public static DataSplit Open(string data, ulong seed)
        => Known.Named(data) is { } open ? open(seed) : OpenFolder(data);

    /// <summary>How the set's training images are usually varied: small colour photographs are, grey and drawn images are not.</summary>
    /// <remarks>What is not there is not varied; <see cref="Open"/> says that it is not there.</remarks>
    public static Augment UsualAugment(string data)
        => Known.Named(data) is null && Directory.Exists(data) && CifarFolder.Recognises(NamesIn(data)) ? Augment.Cifar : Augment.None;

    private static DataSplit OpenFolder(string folder)
    {
        string builtIn = $"a built-in set ({string.Join(", ", Known.Names)})";
        if (File.Exists(folder))
            throw Wrong(folder, $"expected a folder or {builtIn}, found a file. Name the folder that holds it.");
        if (!Directory.Exists(folder))
            throw Wrong(folder, $"expected a folder or {builtIn}, found neither. Check the spelling and where the program runs.");

        string[] files = NamesIn(folder);
        bool idx = IdxFolder.Recognises(files), cifar = CifarFolder.Recognises(files);
        const string Formats = "IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., also .gz) or CIFAR binary "
            + "files (data_batch_1.bin, test_batch.bin; train.bin, test.bin)";
        if (idx && cifar)
            throw Wrong(folder, $"expected {Formats}, found both. Put them into a folder each.");
        if (idx) return IdxFolder.Open(folder, files);
        if (cifar) return CifarFolder.Open(folder, files);

        string found = files.Length == 0 ? "an empty folder" : string.Join(", ", files.Take(MostNamesShown))
            + (files.Length > MostNamesShown ? $" and {files.Length - MostNamesShown} more" : "");
        throw Wrong(folder, $"expected {Formats}, found {found}. Without data at hand use {builtIn}.");
    }

    private static string[] NamesIn(string folder)
    {
        try
        {
            string[] names = [.. Directory.EnumerateFileSystemEntries(folder).Select(path => Path.GetFileName(path))];
            Array.Sort(names, StringComparer.Ordinal);
            return names;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Wrong(folder, $"the folder cannot be read: {error.Message}", error);
        }
    }

    private static DetoxException Wrong(string data, string what, Exception? inner = null)
        => new(ExitCode.Usage, $"--data '{data}': {what}", inner);
}
