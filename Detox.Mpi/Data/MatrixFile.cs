using System.Globalization;
using nietras.SeparatedValues;
using NumSharp;

namespace Detox.Mpi.Data;

/// <summary>Vectors of float32 from a file and to one: the rows of a .csv without a header, or of a two-dimensional .npy.</summary>
/// <remarks>Doubles are rounded to float32; one beyond its range is an error. Every number that is written reads back as the same float32.</remarks>
internal static class MatrixFile
{
    private const string Npy = ".npy";

    /// <exception cref="DetoxException">The file cannot be read, or holds something else: the message names the place.</exception>
    public static float[][] Read(string path)
    {
        try
        {
            float[][] rows = IsNpy(path) ? ReadNpy(path) : ReadCsv(path);
            if (rows.Length == 0 || rows[0].Length == 0) throw Wrong(path, "there are no numbers; expected rows of them");
            return rows;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Wrong(path, error.Message);
        }
    }

    /// <summary>One number a line; as a one-dimensional .npy where the name ends so.</summary>
    /// <param name="path">Null: to standard output.</param>
    public static void Write(string? path, ReadOnlySpan<float> vector)
    {
        try
        {
            if (path is not null && IsNpy(path))
            {
                np.save(path, vector.ToArray());
                return;
            }

            using TextWriter writer = path is null ? new StreamWriter(Console.OpenStandardOutput()) : new StreamWriter(path);
            foreach (float value in vector) writer.Write($"{value.ToString("R", CultureInfo.InvariantCulture)}\n");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Wrong(path ?? "standard output", error.Message);
        }
    }

    private static bool IsNpy(string path) => Path.GetExtension(path) == Npy;

    private static float[][] ReadCsv(string path)
    {
        List<float[]> rows = [];
        using SepReader reader = Sep.New(',').Reader(options => options with { HasHeader = false, DisableColCountCheck = true }).FromFile(path);
        foreach (SepReader.Row row in reader)
        {
            float[] values = new float[row.ColCount];
            for (int column = 0; column < values.Length; column++) values[column] = Parse(row[column].Span, $"line {row.LineNumberToExcl - 1}, column {column + 1}", path);
            if (rows.Count > 0 && rows[0].Length != values.Length)
                throw Wrong(path, $"line {row.LineNumberToExcl - 1} has {values.Length} {(values.Length == 1 ? "number" : "numbers")}; expected {rows[0].Length}, as many as line 1 has");
            rows.Add(values);
        }

        return [.. rows];
    }

    private static float Parse(ReadOnlySpan<char> text, string place, string path)
    {
        ReadOnlySpan<char> trimmed = text.Trim();
        if (double.TryParse(trimmed, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
        {
            bool isInfinity = trimmed.Contains("inf", StringComparison.OrdinalIgnoreCase);
            return isInfinity ? (float)value : float.TryParse(trimmed, NumberStyles.Float, CultureInfo.InvariantCulture, out float nearest) && !float.IsInfinity(nearest) ? nearest
                : throw Wrong(path, $"{place}: {trimmed} is beyond float32");
        }

        // As numpy and C write them.
        ReadOnlySpan<char> unsigned = trimmed.TrimStart("+-");
        if (unsigned.Equals("inf", StringComparison.OrdinalIgnoreCase)) return trimmed[0] == '-' ? float.NegativeInfinity : float.PositiveInfinity;
        if (unsigned.Equals("nan", StringComparison.OrdinalIgnoreCase)) return float.NaN;
        throw Wrong(path, $"{place}: expected a number, found '{text}'");
    }

    private static float[][] ReadNpy(string path)
    {
        NDArray array;
        try
        {
            array = (NDArray)np.load(path);
        }
        catch (Exception error) when (error is FormatException or NotSupportedException or InvalidCastException or ArgumentException)
        {
            throw Wrong(path, $"expected a .npy file: {error.Message}");
        }

        if (array.ndim != 2) throw Wrong(path, $"expected two dimensions, rows of vectors; found {array.ndim} ({string.Join(" x ", array.shape)})");
        if (array.typecode is not (NPTypeCode.Single or NPTypeCode.Double)) throw Wrong(path, $"expected float32 or float64; found {array.typecode}");
        if (array.Shape.Order == 'F' && array.shape[0] > 1 && array.shape[1] > 1)
            throw Wrong(path, "expected rows one after another (C order); found columns (Fortran order): save numpy.ascontiguousarray of it");
        int count = checked((int)array.shape[0]), width = checked((int)array.shape[1]);
        float[][] rows = new float[count][];
        if (array.typecode == NPTypeCode.Single)
        {
            float[] all = array.ToArray<float>();
            for (int i = 0; i < count; i++) rows[i] = all.AsSpan(i * width, width).ToArray();
            return rows;
        }

        double[] doubles = array.ToArray<double>();
        for (int i = 0; i < count; i++)
        {
            rows[i] = new float[width];
            for (int j = 0; j < width; j++)
            {
                double value = doubles[(i * width) + j];
                rows[i][j] = (float)value;
                if (float.IsInfinity(rows[i][j]) && double.IsFinite(value)) throw Wrong(path, string.Create(CultureInfo.InvariantCulture, $"row {i}, column {j}: {value} is beyond float32"));
            }
        }

        return rows;
    }

    private static DetoxException Wrong(string path, string problem) => new(ExitCode.Usage, $"{path}: {problem.TrimEnd('.')}.");
}
