using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe partial record struct ConvolutionForward
{
    /// <summary>The outputs that are computed another way: where they are few, and the positions of an image enough.</summary>
    private int LeftoverOutputs<TLanes, V>()
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        int tiles = (Leftover<TLanes, V>.Span(Shape) + FlatTile<TLanes, V>.Columns - 1) / FlatTile<TLanes, V>.Columns;
        return Shape.Stride == 1 && 2 * FlatTile<TLanes, V>.Vectors * tiles <= Shape.Positions / 2 ? FlatTile<TLanes, V>.Few(Shape.Outputs) : 0;
    }

    /// <summary>One piece: the last few outputs of one image, whose channels are laid apart: then the pixels that a tap reads lie side by side.</summary>
    private struct Leftover<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public ConvolutionShape Shape;
        public float* Images;
        public float* Weights;
        public float* Bias;
        public float* Output;
        public int FirstOutput;

        /// <summary>Pixels of a channel from the first tap of the first position to that of the last one.</summary>
        public static int Span(in ConvolutionShape shape) => ((shape.OutputHeight - 1) * shape.PaddedWidth) + shape.OutputWidth;

        public readonly void Run(int piece)
        {
            int pixels = Shape.PaddedLength / Shape.Channels, kernel = Shape.Kernel;

            // A tile reads behind the last position, at worst behind the last channel.
            float* channels = ThreadScratch.Floats(Shape.PaddedLength + FlatTile<TLanes, V>.Columns + ((long)kernel * Shape.PaddedWidth));
            Squares.Turn(Images + ((long)piece * Shape.PaddedLength), pixels, Shape.Channels, Shape.Channels, channels, pixels);
            long* offsets = stackalloc long[kernel * kernel];
            int* lengths = stackalloc int[kernel * kernel];
            for (int tap = 0; tap < kernel * kernel; tap++)
            {
                offsets[tap] = ((long)(tap / kernel) * Shape.PaddedWidth) + (tap % kernel);
                lengths[tap] = Shape.Channels;
            }

            Terms taps = new() { Offsets = offsets, Lengths = lengths, Runs = kernel * kernel, Step = pixels };
            float* output = Output + ((long)piece * Shape.OutputLength);
            for (int n = FirstOutput; n < Shape.Outputs; n += 2)
                for (int first = 0; first < Span(Shape); first += FlatTile<TLanes, V>.Columns) Multiply(n, first, &taps, channels, output);
        }

        /// <summary>Two outputs of the positions of one tile.</summary>
        [SkipLocalsInit]
        private readonly void Multiply(int n, int first, Terms* taps, float* channels, float* output)
        {
            float* sums = stackalloc float[2 * FlatTile<TLanes, V>.Vectors * 16];
            int outputs = Math.Min(2, Shape.Outputs - n), end = Math.Min(first + FlatTile<TLanes, V>.Columns, Span(Shape));
            FlatTile<TLanes, V>.Multiply(Weights + n, Weights + n + outputs - 1, Shape.Outputs, taps, channels + first, sums);
            for (int at = first; at < end; at++)
            {
                int x = at % Shape.PaddedWidth;
                if (x >= Shape.OutputWidth) continue;
                float* to = output + ((((long)(at / Shape.PaddedWidth) * Shape.OutputWidth) + x) * Shape.Outputs) + n;
                for (int i = 0; i < outputs; i++)
                {
                    float sum = sums[(i * FlatTile<TLanes, V>.Columns) + at - first];
                    to[i] = Bias == null ? sum : sum + Bias[n + i];
                }
            }
        }
    }
}
