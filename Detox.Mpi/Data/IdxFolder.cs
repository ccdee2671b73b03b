using System.Buffers;

namespace Detox.Mpi.Data;

/// <summary>A folder of IDX files as MNIST and Fashion-MNIST are published.</summary>
/// <remarks>Names: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; a dot may
/// stand before idx, .gz at the end. Where one pair of files is there, its last fifth is held out for testing.</remarks>
internal static class IdxFolder
{
    private const int Classes = 10;

    private static readonly string[] Kinds = ["images-idx3", "labels-idx1"];

    public static bool Recognises(IReadOnlyCollection<string> files)
        => new[] { "train", "t10k" }.Any(part => Kinds.Any(kind => Find(files, part, kind) is not null));

    public static DataSplit Open(string folder, IReadOnlyCollection<string> files)
    {
        ImageSet? training = OpenPart(folder, files, "train", "training");
        ImageSet? test = OpenPart(folder, files, "t10k", "test");
        if (training is null) return test!.HoldOutLastFifth(folder);
        if (test is null) return training.HoldOutLastFifth(folder);
        if (training.Shape != test.Shape)
        {
            throw new DetoxException(ExitCode.Usage, $"{folder}: expected training and test images of one size, found "
                + $"{training.Shape.Height} x {training.Shape.Width} and {test.Shape.Height} x {test.Shape.Width}. Do the files belong together?");
        }
        CheckClasses(folder, files, training, test);
        return new(training, test);
    }

    /// <summary>A class that only the test images have cannot be learned: the files are of two sets, or one was cut short.</summary>
    private static void CheckClasses(string folder, IReadOnlyCollection<string> files, ImageSet training, ImageSet test)
    {
        int image = test.Labels.IndexOfAnyExcept(SearchValues.Create(training.Labels));
        if (image < 0) return;
        string file = Path.Combine(folder, Find(files, "t10k", Kinds[1])!);
        throw new DetoxException(ExitCode.Usage, $"{file}: expected classes that training images have too, found class {test.Labels[image]} "
            + $"for image {image}, which no training image has. Do the files belong together?");
    }

    private static ImageSet? OpenPart(string folder, IReadOnlyCollection<string> files, string prefix, string part)
    {
        string? imageFile = Find(files, prefix, Kinds[0]), labelFile = Find(files, prefix, Kinds[1]);
        if (imageFile is null && labelFile is null) return null;
        if (imageFile is null || labelFile is null)
        {
            throw new DetoxException(ExitCode.Usage, $"{folder}: expected {prefix}-{Kinds[imageFile is null ? 0 : 1]}-ubyte (or .gz) beside "
                + $"{imageFile ?? labelFile}, found none. Images and labels are two files.");
        }

        imageFile = Path.Combine(folder, imageFile);
        labelFile = Path.Combine(folder, labelFile);
        (int[] sizes, byte[] images) = IdxFile.Read(imageFile, 3);
        (_, byte[] labels) = IdxFile.Read(labelFile, 1);
        if (labels.Length != sizes[0])
        {
            throw new DetoxException(ExitCode.Usage, $"{labelFile}: expected {sizes[0]} labels, one for each image of {Path.GetFileName(imageFile)}, "
                + $"found {labels.Length}. Do the two files belong together?");
        }
        int wrong = labels.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(Classes - 1));
        if (wrong >= 0)
        {
            throw new DetoxException(ExitCode.Usage, $"{labelFile}: expected labels from 0 to {Classes - 1}, found {labels[wrong]} "
                + $"for image {wrong}. Only sets of {Classes} classes can be read.");
        }
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        return new($"{name} ({part})", new(sizes[1], sizes[2], 1), Classes, PixelScale.Grey, images, labels);
    }

    // An unpacked file first: where both are there, it is the quicker to read.
    private static string? Find(IReadOnlyCollection<string> files, string prefix, string kind)
        => new[] { $"{prefix}-{kind}-ubyte", $"{prefix}-{kind.Replace('-', '.')}-ubyte" }
            .SelectMany(name => new[] { name, name + ".gz" })
            .OrderBy(name => name.EndsWith(".gz", StringComparison.Ordinal))
            .FirstOrDefault(files.Contains);
}
