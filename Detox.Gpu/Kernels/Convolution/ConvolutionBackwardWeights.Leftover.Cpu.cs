using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe partial record struct ConvolutionBackwardWeights
{
    /// <summary>The outputs that are computed another way: where they are few, and the taps of a kernel's row enough.</summary>
    private int LeftoverOutputs<TLanes, V>()
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        => Shape.Kernel * Shape.Channels >= FlatTile<TLanes, V>.Columns ? FlatTile<TLanes, V>.Few(Shape.Outputs) : 0;

    /// <summary>One piece: the last few outputs of one row of the kernel, whose taps lie side by side in the image. The first one does their bias too.</summary>
    private struct Leftover<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public ConvolutionShape Shape;
        public float* Images;
        public float* OutputGradient;
        public Parts Parts;
        public float* WeightsGradient;
        public float* BiasGradient;
        public int Positions;
        public int FirstOutput;

        public readonly void Run(int piece)
        {
            int taps = Shape.Kernel * Shape.Channels;
            float* row = Images + ((long)piece * Shape.PaddedWidth * Shape.Channels);
            float* gradient = WeightsGradient + ((long)piece * taps * Shape.Outputs);
            for (int start = 0; start < Positions; start += Chunk)
            {
                int end = Math.Min(start + Chunk, Positions), run = Parts.FirstRun[start / Part];
                Terms positions = new()
                {
                    Offsets = Parts.Offsets + run,
                    Lengths = Parts.Lengths + run,
                    Runs = Parts.FirstRun[(end + Part - 1) / Part] - run,
                    Step = (long)Shape.Stride * Shape.Channels,
                };
                for (int output = FirstOutput; output < Shape.Outputs; output += 2)
                    for (int done = 0; done < taps; done += FlatTile<TLanes, V>.Columns) AddChunk(start, output, &positions, row, done, gradient);
                for (int output = FirstOutput; piece == 0 && BiasGradient != null && output < Shape.Outputs; output++) AddBias(start, end, output);
            }
        }

        /// <summary>Adds one chunk to two outputs of the taps behind those that are done. The last taps overlap those before them, which are left as they are.</summary>
        [SkipLocalsInit]
        private readonly void AddChunk(int start, int output, Terms* positions, float* row, int done, float* totals)
        {
            float* sums = stackalloc float[2 * FlatTile<TLanes, V>.Vectors * 16];
            float* gradient = OutputGradient + ((long)start * Shape.Outputs) + output;
            int outputs = Math.Min(2, Shape.Outputs - output), taps = Shape.Kernel * Shape.Channels, first = Math.Min(done, taps - FlatTile<TLanes, V>.Columns);
            FlatTile<TLanes, V>.Multiply(gradient, gradient + outputs - 1, Shape.Outputs, positions, row + first, sums);
            for (int i = 0; i < outputs; i++, sums += FlatTile<TLanes, V>.Columns)
            {
                for (int j = done - first; j < FlatTile<TLanes, V>.Columns; j++)
                {
                    float* total = totals + ((long)(first + j) * Shape.Outputs) + output + i;
                    *total = start == 0 ? sums[j] : *total + sums[j];
                }
            }
        }

        private readonly void AddBias(int start, int end, int output)
        {
            float sum = 0;
            for (int p = start; p < end; p++) sum += OutputGradient[((long)p * Shape.Outputs) + output];
            BiasGradient[output] = start == 0 ? sum : BiasGradient[output] + sum;
        }
    }
}
