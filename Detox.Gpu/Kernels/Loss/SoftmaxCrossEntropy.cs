using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The mean cross-entropy of softmax(logits) with the labels, and its gradient.</summary>
/// <remarks>logits, gradient: samples x classes; loss: one float. With m the largest logit of a sample and e_j = exp(x_j - m), summed in ascending
/// order: loss = log(sum) - (x_label - m); gradient_j = (e_j / sum - [j = label]) / samples. The mean loss adds the
/// samples' losses in order and divides once. A NaN reaches its sample's gradient and the loss. Portable: exp and log
/// are <see cref="PortableMath"/>'s.</remarks>
public readonly ref struct SoftmaxCrossEntropy(View logits, ReadOnlySpan<int> labels, int classes, View gradient, View loss) : IOp
{
    private static readonly Scratch<int> _labels = new();

    public View Logits { get; } = logits;

    /// <summary>A class for each sample, from 0.</summary>
    public ReadOnlySpan<int> Labels { get; } = labels;

    public int Classes { get; } = classes;

    public View Gradient { get; } = gradient;

    public View Loss { get; } = loss;

    /// <summary>Returns the mean loss.</summary>
    public static float Reference(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels, int classes, Span<float> gradient)
    {
        int samples = labels.Length;
        float total = 0;
        for (int i = 0; i < samples; i++)
        {
            Span<float> to = gradient.Slice(i * classes, classes);
            (float loss, float sum) = Exponentials(logits.Slice(i * classes, classes), labels[i], to);
            total += loss;
            for (int j = 0; j < classes; j++) to[j] = ((to[j] / sum) - (j == labels[i] ? 1f : 0f)) / samples;
        }

        return total / samples;
    }

    /// <summary>One sample's loss; its exponentials and their sum.</summary>
    internal static (float Loss, float Sum) Exponentials(ReadOnlySpan<float> logits, int label, Span<float> exponentials)
    {
        float largest = logits[0];
        for (int j = 1; j < logits.Length; j++)
            if (logits[j] > largest) largest = logits[j];
        float sum = 0;
        for (int j = 0; j < logits.Length; j++) sum += exponentials[j] = PortableMath.Exp(logits[j] - largest);
        return (PortableMath.Log(sum) - (logits[label] - largest), sum);
    }

    public void Check()
    {
        Logits.Expect((long)Labels.Length * Classes);
        Gradient.Expect(Logits.Length);
        Loss.Expect(1);
        for (int i = 0; i < Labels.Length; i++)
            if (Labels[i] < 0 || Labels[i] >= Classes) throw new ArgumentException($"Labels: {Labels[i]} at {i} where one from 0 to {Classes - 1} is expected.");
    }

    public void Reference() => Loss.Floats[0] = Reference(Logits.Floats, Labels, Classes, Gradient.Floats);

    public void Run(CpuDevice device) => Reference();

    public void Run(IlgpuDevice device)
        => device.Launch(
            1,
            new OneGroup(Labels.Length, Classes, IlgpuDevice.Floats(Logits), device.Upload(_labels, Labels), IlgpuDevice.Floats(Gradient), IlgpuDevice.Floats(Loss)));

    // One thread a sample at a time, and the first one of the group adds their losses in order: a batch is too small for a second launch to pay.
    internal readonly struct OneGroup(
        int samples, int classes, ArrayView<float> logits, ArrayView<int> labels, ArrayView<float> gradient, ArrayView<float> loss) : IKernel
    {
        private const int Samples = 128;

        public static int Threads => Samples;

        public void Run()
        {
            ArrayView<float> losses = SharedMemory.Allocate<float>(Samples);
            float total = 0;
            for (int first = 0; first < samples; first += Samples)
            {
                int sample = first + Group.IdxX;
                if (sample < samples) losses[Group.IdxX] = Sample(sample);
                Group.Barrier();
                if (Group.IdxX == 0)
                    for (int i = 0; i < Math.Min(Samples, samples - first); i++) total = Portable.Add(total, losses[i]);
                Group.Barrier();
            }

            if (Group.IdxX == 0) loss[0] = Portable.Divide(total, samples);
        }

        /// <summary>Writes the sample's gradient; its loss.</summary>
        private float Sample(int sample)
        {
            long first = (long)sample * classes;
            int label = labels[sample];
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

            return Portable.Subtract(PortableMath.Log(sum), Portable.Subtract(logits[first + label], largest));
        }
    }
}
