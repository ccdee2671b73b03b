namespace Detox.Gpu.Kernels;

/// <summary>The mean cross-entropy of softmax(logits) with the labels, and its gradient.</summary>
/// <remarks>logits, gradient: samples x classes. With m the largest logit of a sample and e_j = exp(x_j - m), summed in ascending
/// order: loss = log(sum) - (x_label - m); gradient_j = (e_j / sum - [j = label]) / samples. The mean loss adds the
/// samples' losses in order and divides once. A NaN reaches its sample's gradient and the loss. Portable: exp and log
/// are <see cref="PortableMath"/>'s.</remarks>
internal static partial class SoftmaxCrossEntropy
{
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
    public static (float Loss, float Sum) Exponentials(ReadOnlySpan<float> logits, int label, Span<float> exponentials)
    {
        float largest = logits[0];
        for (int j = 1; j < logits.Length; j++)
            if (logits[j] > largest) largest = logits[j];
        float sum = 0;
        for (int j = 0; j < logits.Length; j++) sum += exponentials[j] = PortableMath.Exp(logits[j] - largest);
        return (PortableMath.Log(sum) - (logits[label] - largest), sum);
    }
}
