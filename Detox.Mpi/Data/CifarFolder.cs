using System.IO.Enumeration;

namespace Detox.Mpi.Data;

/// <summary>A folder of CIFAR-10 or CIFAR-100 binary files.</summary>
/// <remarks>CIFAR-10: any number of data_batch*.bin and test_batch.bin, a record being one label byte and 3,072 pixels. CIFAR-100:
/// train.bin and test.bin, a record being a coarse and a fine label byte and 3,072 pixels; the fine one is learned. Pixels are 32x32,
/// the planes red, green, blue one after the other; they are kept with the channels side by side. A file may hold any number of
/// records. Where only training or only test files are there, the last fifth is held out for testing.
/// Source: Krizhevsky's description of the binary version.</remarks>
internal static class CifarFolder
{
    private const int Side = 32, Channels = 3, Plane = Side * Side, ImageLength = Plane * Channels;

    private static readonly Form Ten = new("CIFAR-10", "data_batch*.bin", "test_batch.bin", [10], PixelScale.Cifar10);
    private static readonly Form Hundred = new("CIFAR-100", "train.bin", "test.bin", [20, 100], PixelScale.Cifar100);

    public static bool Recognises(IReadOnlyCollection<string> files) => Ten.Matches(files) || Hundred.Matches(files);

    public static DataSplit Open(string folder, IReadOnlyCollection<string> files)
    {
        if (Ten.Matches(files) && Hundred.Matches(files))
        {
            throw new DetoxException(ExitCode.Usage, $"{folder}: expected CIFAR-10 files ({Ten.Training}, {Ten.Test}) or CIFAR-100 files "
                + $"({Hundred.Training}, {Hundred.Test}), found both. Put them into a folder each.");
        }
        Form form = Ten.Matches(files) ? Ten : Hundred;
        ImageSet? training = OpenPart(folder, form, form.TrainingFiles(files), "training");
        ImageSet? test = OpenPart(folder, form, form.TestFiles(files), "test");
        if (training is null) return test!.HoldOutLastFifth(folder);
        return test is null ? training.HoldOutLastFifth(folder) : new(training, test);
    }

    private static ImageSet? OpenPart(string folder, Form form, string[] files, string part)
    {
        if (files.Length == 0) return null;
        string[] paths = [.. files.Select(file => Path.Combine(folder, file))];
        long count = paths.Sum(path => CountRecords(path, form));
        if (count * ImageLength > Array.MaxLength)
        {
            throw new DetoxException(ExitCode.Usage, $"{folder}: expected at most {Array.MaxLength / ImageLength} {part} images, found {count}. "
                + "Take some of the files away.");
        }
        var pixels = new byte[count * ImageLength];
        var labels = new byte[count];
        int next = 0;
        foreach (string path in paths) next = ReadRecords(path, form, pixels, labels, next);
        return new($"{form.Name} ({part})", new(Side, Side, Channels), form.Classes, form.Scale, pixels, labels);
    }

    private static long CountRecords(string path, Form form)
    {
        long length = Try(path, () => new FileInfo(path).Length);
        long whole = length / form.RecordLength, rest = length % form.RecordLength;
        if (length == 0) throw Wrong(path, $"expected {form.Name} records of {form.RecordLength} bytes, found an empty file");
        if (rest != 0) throw Wrong(path, $"record {whole}: expected {form.RecordLength} bytes as {form.Name} has them, found {rest} at the end of the file");
        return whole;
    }

    private static int ReadRecords(string path, Form form, byte[] pixels, byte[] labels, int next) => Try(path, () =>
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> record = stackalloc byte[form.RecordLength];
        int labelBytes = form.Labels.Length;
        for (int r = 0; r < file.Length / form.RecordLength; r++, next++)
        {
            file.ReadExactly(record);
            for (int i = 0; i < labelBytes; i++)
            {
                if (record[i] >= form.Labels[i])
                    throw Wrong(path, $"record {r}: expected a {form.LabelName(i)} from 0 to {form.Labels[i] - 1}, found {record[i]}");
            }
            labels[next] = record[labelBytes - 1];
            Interleave(record[labelBytes..], pixels.AsSpan(next * ImageLength, ImageLength));
        }
        return next;
    });

    private static void Interleave(ReadOnlySpan<byte> planes, Span<byte> pixels)
    {
        for (int i = 0; i < Plane; i++)
        {
            for (int c = 0; c < Channels; c++) pixels[(i * Channels) + c] = planes[(c * Plane) + i];
        }
    }

    private static T Try<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DetoxException(ExitCode.Usage, $"{path}: the file cannot be read: {error.Message}", error);
        }
    }

    private static DetoxException Wrong(string path, string what)
        => new(ExitCode.Usage, $"{path}: {what}. Fetch the file again, or check that it is of CIFAR's binary version.");

    /// <param name="Labels">How many values each label byte of a record has; the last byte is what is learned.</param>
    private sealed record Form(string Name, string Training, string Test, int[] Labels, PixelScale Scale)
    {
        public int RecordLength => Labels.Length + ImageLength;

        public int Classes => Labels[^1];

        public string LabelName(int i) => Labels.Length == 1 ? "label" : i == 0 ? "coarse label" : "fine label";

        public bool Matches(IReadOnlyCollection<string> files) => TrainingFiles(files).Length + TestFiles(files).Length > 0;

        public string[] TrainingFiles(IReadOnlyCollection<string> files) => InOrder(files, Training);

        public string[] TestFiles(IReadOnlyCollection<string> files) => InOrder(files, Test);

        // Shorter first, so that data_batch_10 follows data_batch_9.
        private static string[] InOrder(IReadOnlyCollection<string> files, string pattern)
            => [.. files.Where(file => FileSystemName.MatchesSimpleExpression(pattern, file, ignoreCase: false))
                .OrderBy(file => file.Length).ThenBy(file => file, StringComparer.Ordinal)];
    }
}
