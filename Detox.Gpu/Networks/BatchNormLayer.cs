using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Networks;

/// <summary>Batch normalisation with a scale ("weight") and a shift ("bias") a channel; its second input, if it has one, is added, and the sum
/// rectified where that is wanted.</summary>
/// <remarks>In training it normalises by the batch's statistics, in evaluation by the running ones.</remarks>
internal sealed class BatchNormLayer(string name, int positions, int channels, bool rectified) : Layer
{
    /// <summary>The share of a batch in the running statistics; torch's.</summary>
    private const float Momentum = 0.1f;

    public override string Kind => "batch-norm";

    public override int InputLength => positions * channels;

    public override int OutputLength => InputLength;

    public override IReadOnlyList<(string Name, int[] Shape)> Parameters { get; } = [($"{name}.weight", [channels]), ($"{name}.bias", [channels])];

    public override IReadOnlyList<(string Name, int Length)> Statistics { get; } = [($"{name}.mean", channels), ($"{name}.variance", channels)];

    public override bool PassesGradientTo(int input) => input == 1;

    public override void InitialiseParameter(int parameter, SeededRandom random, Span<float> values)
    {
        if (parameter == 0) values.Fill(1);
    }

    public override void InitialiseStatistics(Span<float> values) => values[channels..].Fill(1);

    public override void Forward(in Pass pass)
    {
        View scale = Scale(pass.Weights), shift = Shift(pass.Weights);
        if (pass.IsTraining) pass.Device.Run(new BatchNormForward(channels, pass.Input, scale, shift, pass.Statistics, pass.Addend, pass.Output, rectified));
        else pass.Device.Run(new BatchNormEvaluate(channels, pass.Input, scale, shift, pass.Statistics, pass.Addend, pass.Output, rectified));
    }

    public override void Backward(in Pass pass, View outputGradient, View? inputGradient, View weightsGradient)
        => pass.Device.Run(new BatchNormBackward(
            channels,
            pass.Input,
            pass.Output,
            outputGradient,
            Scale(pass.Weights),
            pass.Statistics,
            inputGradient,
            Scale(weightsGradient),
            Shift(weightsGradient),
            rectified));

    /// <remarks>The running variance is the unbiased one, as in torch: the batch's, times n / (n - 1) for its n values a channel. A
    /// single value has no unbiased variance; its biased one, 0, is taken.</remarks>
    public override void MoveStatistics(Device device, int samples, View running, View batch)
    {
        long n = (long)samples * positions;
        device.Run(new MovingAverage(running.Slice(0, channels), batch.Slice(0, channels), 1, Momentum));
        device.Run(new MovingAverage(running.Slice(channels, channels), batch.Slice(channels, channels), n == 1 ? 1 : (float)n / (n - 1), Momentum));
    }

    private View Scale(View parameters) => parameters.Slice(0, channels);

    private View Shift(View parameters) => parameters.Slice(channels, channels);
}
