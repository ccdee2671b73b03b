using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class MaxPool
{
    /// <summary>One thread an output.</summary>
    internal static void ForwardKernel(Index1D at, PoolShape shape, ArrayView<float> input, ArrayView<float> output)
    {
        float best = input[Index(shape, at, 0)];
        for (int tap = 1; tap < shape.Window * shape.Window; tap++)
        {
            float x = input[Index(shape, at, tap)];
            if (Portable.Less(best, x)) best = x;
        }

        output[at] = best;
    }

    /// <summary>One thread an output: it writes the inputs of its window. What no window holds was cleared before.</summary>
    internal static void BackwardKernel(
        Index1D at, PoolShape shape, ArrayView<float> input, ArrayView<float> output, ArrayView<float> outputGradient, ArrayView<float> inputGradient)
    {
        float largest = output[at];
        float left = outputGradient[at];
        for (int tap = 0; tap < shape.Window * shape.Window; tap++)
        {
            int index = Index(shape, at, tap);
            bool below = Portable.Less(input[index], largest);
            inputGradient[index] = below ? 0 : left;
            left = below ? left : 0;
        }
    }
}
