using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

public sealed partial class IlgpuDevice
{
    public override void MaxPoolForward(in PoolShape shape, int samples, View input, View output)
    {
        Expect(input, (long)samples * shape.InputLength, nameof(input));
        Expect(output, (long)samples * shape.OutputLength, nameof(output));
        if (output.Length == 0) return;
        Kernel(nameof(MaxPoolForward), () => _accelerator.LoadAutoGroupedKernel<Index1D, PoolShape, ArrayView<float>, ArrayView<float>>(MaxPool.ForwardKernel))(
            _stream, Threads(output.Length), shape, Pointer(input), Pointer(output));
    }

    public override void MaxPoolBackward(in PoolShape shape, int samples, View input, View output, View outputGradient, View inputGradient)
    {
        Expect(input, (long)samples * shape.InputLength, nameof(input));
        Expect(output, (long)samples * shape.OutputLength, nameof(output));
        Expect(outputGradient, output.Length, nameof(outputGradient));
        Expect(inputGradient, input.Length, nameof(inputGradient));
        if (shape.Height % shape.Window != 0 || shape.Width % shape.Window != 0) Run(new Fill(inputGradient, 0));
        if (output.Length == 0) return;
        Kernel(nameof(MaxPoolBackward), () => _accelerator.LoadAutoGroupedKernel<Index1D, PoolShape, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>(MaxPool.BackwardKernel))(
            _stream, Threads(output.Length), shape, Pointer(input), Pointer(output), Pointer(outputGradient), Pointer(inputGradient));
    }

    public override void SoftmaxCrossEntropy(View logits, ReadOnlySpan<int> labels, int classes, View gradient, View loss)
    {
        Expect(logits, (long)labels.Length * classes, nameof(logits));
        Expect(gradient, logits.Length, nameof(gradient));
        Expect(loss, 1, nameof(loss));
        ArrayView<float> losses = Scratch<float>("losses", labels.Length);
        if (labels.Length > 0)
        {
            Kernel(nameof(SoftmaxCrossEntropy), () => _accelerator.LoadAutoGroupedKernel<Index1D, int, int, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>>(Kernels.SoftmaxCrossEntropy.SampleKernel))(
                _stream, labels.Length, classes, labels.Length, Pointer(logits), Upload("labels", labels), Pointer(gradient), losses);
        }

        Kernel("MeanLoss", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, ArrayView<float>, ArrayView<float>>(Kernels.SoftmaxCrossEntropy.MeanKernel))(
            _stream, 1, labels.Length, losses, Pointer(loss));
    }
}
