using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The gradients of a convolution's weights and of its input by tiles, in launches that they share where neither needs what the other computes.</summary>
internal static class WinogradBackward
{
    public static void Run(IlgpuDevice device, in WinogradBackwardWeights toWeights, in WinogradForward toInput)
    {
        WinogradBackwardWeights.Kernels weights = new(device, toWeights);
        WinogradForward.Kernels input = new(device, toInput);
        device.Launch(weights.Transforms.Groups + input.Transforms.Groups, new Transforms(weights.Transforms, input.Transforms));
        weights.Multiply(device);
        input.Multiply(device);
        TwoRanges ranges = new(weights.Pairs, input.Values);
        device.Launch(ranges.Groups, new Finish(ranges, weights.Finish, input.Finish));
    }

    // The groups of the one, then those of the other.
    internal readonly struct Transforms(WinogradBackwardWeights.Transforms weights, WinogradForward.Transforms input) : IKernel
    {
        public static int Threads => TwoRanges.Threads;

        public void Run()
        {
            long group = Grid.IdxX;
            if (group < weights.Groups) weights.Run(group);
            else input.Run(group - weights.Groups);
        }
    }

    // One thread a channel and output, and one a tile and channel.
    internal readonly struct Finish(TwoRanges ranges, WinogradBackwardWeights.KernelGradientThread weights, WinogradForward.OutputThread input) : IKernel
    {
        public static int Threads => TwoRanges.Threads;

        public void Run()
        {
            long at = ranges.Index(Grid.IdxX);
            if (ranges.IsFirst(Grid.IdxX))
            {
                if (at < ranges.First) weights.Run(at);
            }
            else
            {
                if (at < ranges.Second) input.Run(at);
            }
        }
    }
}
