using Detox.Gpu.Devices;

namespace Detox.Mpi.Training;

/// <summary>Measures how far the winners' gradients lie apart, and so how noisy their mean is.</summary>
/// <remarks>n vectors x_i with mean m: the sum of |x_i - m|^2 / (n (n-1)) estimates without bias the expected squared distance of m from the
/// vectors' common expectation, where all n are honest. Reads only; in double, row by row (Welford 1962).</remarks>
internal sealed class SpreadMeter(Device device, int length)
{
    private readonly Memory<float> _row = device.AllocateHost(length);
    private readonly double[] _mean = new double[length];

    /// <summary>The variance of the mean, summed over the parameters; NaN of fewer than two rows.</summary>
    /// <param name="memory">Holds every row.</param>
    /// <param name="rows">Where each begins.</param>
    public double VarianceOfMean(View memory, ReadOnlySpan<long> rows)
    {
        if (rows.Length < 2) return double.NaN;
        Array.Clear(_mean);
        double squares = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            device.Read(memory.Slice(rows[i], length), _row.Span);
            squares += Take(_row.Span, i + 1);
        }

        return squares / ((double)rows.Length * (rows.Length - 1));
    }

    /// <summary>Moves the mean, and returns what the row adds to the sum of squared distances from it.</summary>
    private double Take(ReadOnlySpan<float> row, int count)
    {
        double squares = 0;
        for (int i = 0; i < row.Length; i++)
        {
            double distance = row[i] - _mean[i];
            _mean[i] += distance / count;
            squares += distance * (row[i] - _mean[i]);
        }

        return squares;
    }
}
