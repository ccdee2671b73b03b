using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Reference = Detox.Gpu.Kernels;

namespace Detox.Tests.Kernels;

/// <summary>The device that the others are compared with: every op is its definition, plain loops.</summary>
internal sealed class PlainDevice : Device
{
    public override string Name => "plain";

    public override bool SharesHostMemory => false;

    public override DeviceBuffer Allocate(long length) => new CpuBuffer(length);

    public override Memory<float> HostMemory(View view) => throw new NotSupportedException("Nothing here asks for it.");

    public override void Write(ReadOnlySpan<float> from, View to) => from.CopyTo(Floats(to));

    public override void Read(View from, Span<float> to) => Floats(from).CopyTo(to);

    public override void Copy(View from, View to) => Floats(from).CopyTo(Floats(to));

    public override void ConvolutionForward(in Reference.ConvolutionShape shape, int samples, View input, View weights, View? bias, View output)
        => Reference.ConvolutionForward.Reference(shape, samples, Floats(input), Floats(weights), Floats(bias), Floats(output));

    public override void ConvolutionBackwardInput(in Reference.ConvolutionShape shape, int samples, View outputGradient, View weights, View inputGradient)
        => Reference.ConvolutionBackwardInput.Reference(shape, samples, Floats(outputGradient), Floats(weights), Floats(inputGradient));

    public override void ConvolutionBackwardWeights(
        in Reference.ConvolutionShape shape, int samples, View input, View outputGradient, View weightsGradient, View? biasGradient)
        => Reference.ConvolutionBackwardWeights.Reference(shape, samples, Floats(input), Floats(outputGradient), Floats(weightsGradient), Floats(biasGradient));

    public override void MatrixMultiply(int m, int n, int k, View left, View right, View result)
        => Reference.MatrixMultiply.Reference(m, n, k, Floats(left), Floats(right), Floats(result));

    public override void MaxPoolForward(in Reference.PoolShape shape, int samples, View input, View output)
        => Reference.MaxPool.ForwardReference(shape, samples, Floats(input), Floats(output));

    public override void MaxPoolBackward(in Reference.PoolShape shape, int samples, View input, View output, View outputGradient, View inputGradient)
        => Reference.MaxPool.BackwardReference(shape, samples, Floats(input), Floats(output), Floats(outputGradient), Floats(inputGradient));

    public override void SoftmaxCrossEntropy(View logits, ReadOnlySpan<int> labels, int classes, View gradient, View loss)
        => Floats(loss)[0] = Reference.SoftmaxCrossEntropy.Reference(Floats(logits), labels, classes, Floats(gradient));

    public override void BatchNormForward(int channels, View input, View scale, View shift, View statistics, View output, bool rectified)
        => Reference.BatchNorm.ForwardReference(channels, Floats(input), Floats(scale), Floats(shift), Floats(statistics), Floats(output), rectified);

    public override void BatchNormEvaluate(int channels, View input, View scale, View shift, View statistics, View output, bool rectified)
        => Reference.BatchNorm.EvaluateReference(channels, Floats(input), Floats(scale), Floats(shift), Floats(statistics), Floats(output), rectified);

    public override void BatchNormBackward(
        int channels,
        View input,
        View output,
        View outputGradient,
        View scale,
        View statistics,
        View? inputGradient,
        View scaleGradient,
        View shiftGradient,
        bool rectified)
        => Reference.BatchNorm.BackwardReference(
            channels,
            Floats(input),
            Floats(output),
            Floats(outputGradient),
            Floats(scale),
            Floats(statistics),
            Floats(inputGradient),
            Floats(scaleGradient),
            Floats(shiftGradient),
            rectified);

    public override long AllocatedBytes => 0;

    public override Memory<float> AllocateHost(int length) => new float[length];

    protected override void Execute<TOp>(in TOp op) => op.Reference();

    public override void Dispose()
    {
    }

    private static Span<float> Floats(View view) => CpuDevice.Floats(view);

    private static Span<float> Floats(View? view) => view is { } given ? CpuDevice.Floats(given) : [];
}
