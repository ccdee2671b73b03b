namespace Detox.Gpu.Devices;

/// <summary>The ops of normalised and residual networks. Each op's formula, order of sums and NaN behaviour stand in its file under Kernels/.</summary>
public abstract partial class Device
{
    /// <summary>Whole numbers beyond it are not all floats, and the sums are divided by one.</summary>
    private const int MostBatchRows = 1 << 24;

    /// <summary>output = input (rows x channels), normalised by its own statistics: each channel's mean, then each one's variance, which
    /// are written.</summary>
    /// <param name="rectified">Whether values below 0 become 0.</param>
    /// <remarks>See <see cref="Kernels.BatchNorm"/>. At least one row.</remarks>
    public abstract void BatchNormForward(int channels, View input, View scale, View shift, View statistics, View output, bool rectified);

    /// <summary>output = input, normalised by given statistics.</summary>
    public abstract void BatchNormEvaluate(int channels, View input, View scale, View shift, View statistics, View output, bool rectified);

    /// <summary>What the output's gradient means for the input, the scale and the shift.</summary>
    /// <param name="output">Of the forward pass; read where it was rectified.</param>
    /// <param name="inputGradient">Null where it is not wanted. It may be the output's gradient itself.</param>
    public abstract void BatchNormBackward(
        int channels,
        View input,
        View output,
        View outputGradient,
        View scale,
        View statistics,
        View? inputGradient,
        View scaleGradient,
        View shiftGradient,
        bool rectified);

    /// <summary>The rows of a batch to normalise; an error where the views do not fit together.</summary>
    private protected static int BatchRows(int channels, View input, View output, View scale, View shift, View statistics)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        if (input.Length % channels != 0) throw new ArgumentException($"input: a view of {input.Length} floats, which are no rows of {channels} channels.", nameof(input));
        Expect(output, input.Length, nameof(output));
        Expect(scale, channels, nameof(scale));
        Expect(shift, channels, nameof(shift));
        Expect(statistics, 2L * channels, nameof(statistics));
        long rows = input.Length / channels;
        if (rows > MostBatchRows) throw new ArgumentException($"input: {rows} rows where a batch has at most {MostBatchRows}; take a smaller batch.", nameof(input));
        return (int)rows;
    }

    private protected static ArgumentException NoRows() => new("A batch of no rows has no mean; give it at least one sample.");
}
