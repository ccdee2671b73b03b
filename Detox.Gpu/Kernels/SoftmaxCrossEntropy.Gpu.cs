using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class SoftmaxCrossEntropy
{
    /// <summary>One thread a sample: its gradient and its loss.</summary>
    internal static void SampleKernel(
        Index1D sample, int classes, int samples, ArrayView<float> logits, ArrayView<int> labels, ArrayView<float> gradient, ArrayView<float> losses)
    {
        int first = sample * classes, label = labels[sample];
        float largest = logits[first];
        for (int j = 1; j < classes; j++)
            if (Portable.Less(largest, logits[first + j])) largest = logits[first + j];
        float sum = 0;
        for (int j = 0; j < classes; j++)
        {
            float exponential = PortableMath.Exp(Portable.Subtract(logits[first + j], largest));
            gradient[first + j] = exponential;
            sum = Portable.Add(sum, exponential);
        }

        for (int j = 0; j < classes; j++)
        {
            float share = Portable.Subtract(Portable.Divide(gradient[first + j], sum), j == label ? 1f : 0f);
            gradient[first + j] = Portable.Divide(share, samples);
        }

        losses[sample] = Portable.Subtract(PortableMath.Log(sum), Portable.Subtract(logits[first + label], largest));
    }

    /// <summary>One thread: the mean of the samples' losses, in their order.</summary>
    internal static void MeanKernel(Index1D one, int samples, ArrayView<float> losses, ArrayView<float> loss)
    {
        float total = 0;
        for (int i = 0; i < samples; i++) total = Portable.Add(total, losses[i]);
        loss[one] = Portable.Divide(total, samples);
    }
}
