namespace Detox.Gpu.Kernels;

/// <summary>The form of a pooling: windows side by side; rows and columns that fill no window are left out.</summary>
public readonly record struct PoolShape(int Height, int Width, int Channels, int Window)
{
    public int OutputHeight => Height / Window;

    public int OutputWidth => Width / Window;

    public int InputLength => Height * Width * Channels;

    public int OutputLength => OutputHeight * OutputWidth * Channels;
}

/// <summary>The largest value of each window, channel by channel.</summary>
/// <remarks>input: samples x height x width x channels. Forward: the first value of the window, row by row, and then every one that is
/// larger; so a NaN stays only where it comes first. Backward: the gradient goes to the first value that is not below the
/// output, every other input gets +0. Portable.</remarks>
internal static partial class MaxPool
{
    public static void ForwardReference(in PoolShape shape, int samples, ReadOnlySpan<float> input, Span<float> output)
    {
        for (int at = 0; at < samples * shape.OutputLength; at++)
        {
            float best = input[Index(shape, at, 0)];
            for (int tap = 1; tap < shape.Window * shape.Window; tap++)
            {
                float x = input[Index(shape, at, tap)];
                best = best < x ? x : best;
            }

            output[at] = best;
        }
    }

    public static void BackwardReference(
        in PoolShape shape,
        int samples,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> output,
        ReadOnlySpan<float> outputGradient,
        Span<float> inputGradient)
    {
        inputGradient[..(samples * shape.InputLength)].Clear();
        for (int at = 0; at < samples * shape.OutputLength; at++)
        {
            for (int tap = 0; tap < shape.Window * shape.Window; tap++)
            {
                int index = Index(shape, at, tap);
                if (input[index] < output[at]) continue;
                inputGradient[index] = outputGradient[at];
                break;
            }
        }
    }

    /// <summary>The input that a tap of an output's window reads.</summary>
    private static int Index(in PoolShape shape, int at, int tap)
    {
        int channel = at % shape.Channels, pixel = at / shape.Channels;
        int x = pixel % shape.OutputWidth, y = pixel / shape.OutputWidth % shape.OutputHeight, sample = pixel / shape.OutputWidth / shape.OutputHeight;
        int row = (y * shape.Window) + (tap / shape.Window), column = (x * shape.Window) + (tap % shape.Window);
        return (((((sample * shape.Height) + row) * shape.Width) + column) * shape.Channels) + channel;
    }
}
