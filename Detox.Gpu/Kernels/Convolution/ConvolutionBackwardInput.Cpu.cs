using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe partial record struct ConvolutionBackwardInput
{
    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        float* outputGradient = CpuDevice.Pointer(OutputGradient);
        float* weights = CpuDevice.Pointer(Weights);
        float* inputGradient = CpuDevice.Pointer(InputGradient);
        if (Shape.IsDense)
        {
            DensePiece<TLanes, V> dense = new()
            {
                Shape = Shape,
                Weights = weights,
                Panels = Panels<TLanes, V>.Of(device, outputGradient, Shape.Outputs, Samples, 1, Shape.Outputs),
                InputGradient = inputGradient,
                Samples = Samples,
            };
            device.Share(dense.Pieces, ref dense);
            return;
        }

        Piece<TLanes, V> work = new()
        {
            Shape = Shape,
            OutputGradient = outputGradient,
            Panels = Panels<TLanes, V>.Of(device, weights, Shape.Outputs, Shape.Taps, 1, Shape.Outputs),
            InputGradient = inputGradient,
        };
        device.Share(Samples, ref work);
    }

    /// <summary>One piece: one image. The weights are turned: a term is an output, a column is a tap.</summary>
    private struct Piece<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public ConvolutionShape Shape;
        public float* OutputGradient;
        public float* Panels;
        public float* InputGradient;

        public readonly void Run(int piece)
        {
            float* image = InputGradient + ((long)piece * Shape.InputLength);
            new Span<float>(image, Shape.InputLength).Clear();
            float** rows = stackalloc float*[Panels<TLanes, V>.RowPointers];
            long offset = 0;
            int length = Shape.Outputs;
            Terms terms = new() { Offsets = &offset, Lengths = &length, Runs = 1, Step = 1 };
            for (int first = 0; first < Shape.Positions; first += Panels<TLanes, V>.RowBlock)
            {
                int count = Math.Min(Panels<TLanes, V>.RowBlock, Shape.Positions - first);
                float* gradient = OutputGradient + (((long)piece * Shape.Positions) + first) * Shape.Outputs;
                for (int i = 0; i < count; i++) rows[i] = gradient + ((long)i * Shape.Outputs);
                Give<TLanes, V> sink = new() { Shape = Shape, Image = image, FirstPosition = first };
                Panels<TLanes, V>.Multiply(rows, count, &terms, Shape.Outputs, Panels, Shape.Taps, ref sink);
            }
        }
    }

    /// <summary>Adds what positions give to the pixels under their taps.</summary>
    /// <remarks>Of two positions that give to one pixel the earlier one does so by a later tap. Taps come in descending order, a kernel's row at
    /// a time, and positions in ascending order within it, so a pixel gets what it is given in ascending order of the positions.</remarks>
    private struct Give<TLanes, V> : ISink
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public ConvolutionShape Shape;
        public float* Image;
        public int FirstPosition;

        public readonly void Take(int row, int rows, int first, int count, float* sums, int pitch)
        {
            int runLength = Shape.Kernel * Shape.Channels;
            for (int end = first + count, begin; end > first; end = begin)
            {
                int kernelRow = (end - 1) / runLength, start = kernelRow * runLength;
                begin = Math.Max(first, start);
                int y = (FirstPosition + row) / Shape.OutputWidth, x = (FirstPosition + row) % Shape.OutputWidth;
                for (int i = 0; i < rows; i++)
                {
                    int line = (y * Shape.Stride) - Shape.Padding + kernelRow, left = (x * Shape.Stride) - Shape.Padding;
                    if (line >= 0 && line < Shape.Height)
                    {
                        int from = Math.Max(begin - start, -left * Shape.Channels), to = Math.Min(end - start, (Shape.Width - left) * Shape.Channels);
                        Add(sums + ((long)i * pitch) + (start - first), from, to, Image + ((((long)line * Shape.Width) + left) * Shape.Channels));
                    }

                    if (++x < Shape.OutputWidth) continue;
                    x = 0;
                    y++;
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Add(float* given, int from, int to, float* pixels)
        {
            int j = from;
            for (; j <= to - TLanes.Count; j += TLanes.Count) TLanes.Store(TLanes.Add(TLanes.Load(pixels + j), TLanes.Load(given + j)), pixels + j);
            for (; j <= to - 4; j += 4) Vector128.Store(Vector128.Load(pixels + j) + Vector128.Load(given + j), pixels + j);
            for (; j < to; j++) pixels[j] += given[j];
        }
    }

    /// <summary>One piece: one block of taps of a fully connected layer, whose single position gives every pixel its only term. Rows are taps,
    /// so the weights are read where they lie; columns are samples.</summary>
    private struct DensePiece<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public ConvolutionShape Shape;
        public float* Weights;

        /// <summary>The output gradient: a term is an output, a column is a sample.</summary>
        public float* Panels;
        public float* InputGradient;
        public int Samples;

        public readonly int Pieces => (Shape.Taps + Panels<TLanes, V>.RowBlock - 1) / Panels<TLanes, V>.RowBlock;

        public readonly void Run(int piece)
        {
            int first = piece * Panels<TLanes, V>.RowBlock, count = Math.Min(Panels<TLanes, V>.RowBlock, Shape.Taps - first);
            float** rows = stackalloc float*[Panels<TLanes, V>.RowPointers];
            for (int i = 0; i < count; i++) rows[i] = Weights + ((long)(first + i) * Shape.Outputs);
            long offset = 0;
            int length = Shape.Outputs;
            Terms terms = new() { Offsets = &offset, Lengths = &length, Runs = 1, Step = 1 };
            Turn<TLanes, V> sink = new() { Pixels = InputGradient + first, Taps = Shape.Taps };
            Panels<TLanes, V>.Multiply(rows, count, &terms, Shape.Outputs, Panels, Samples, ref sink);
        }
    }

    /// <summary>+0 and the sum, which only changes a negative zero, to sample x tap.</summary>
    private struct Turn<TLanes, V> : ISink
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float* Pixels;
        public int Taps;

        public readonly void Take(int row, int rows, int first, int count, float* sums, int pitch)
        {
            float* to = Pixels + ((long)first * Taps) + row;
            int i = 0;
            for (; i <= rows - 4; i += 4)
            {
                float* from = sums + ((long)i * pitch);
                int j = 0;
                for (; j <= count - 4; j += 4)
                {
                    (Vector128<float> ac, Vector128<float> ac2) = Panels<TLanes, V>.Interleave(Vector128.Load(from + j), Vector128.Load(from + (2 * pitch) + j));
                    (Vector128<float> bd, Vector128<float> bd2) = Panels<TLanes, V>.Interleave(Vector128.Load(from + pitch + j), Vector128.Load(from + (3 * pitch) + j));
                    (Vector128<float> a, Vector128<float> b) = Panels<TLanes, V>.Interleave(ac, bd);
                    (Vector128<float> c, Vector128<float> d) = Panels<TLanes, V>.Interleave(ac2, bd2);
                    float* place = to + ((long)j * Taps) + i;
                    (Vector128<float>.Zero + a).Store(place);
                    (Vector128<float>.Zero + b).Store(place + Taps);
                    (Vector128<float>.Zero + c).Store(place + (2L * Taps));
                    (Vector128<float>.Zero + d).Store(place + (3L * Taps));
                }

                for (; j < count; j++)
                    for (int k = 0; k < 4; k++) to[((long)j * Taps) + i + k] = 0f + from[(k * pitch) + j];
            }

            for (; i < rows; i++)
                for (int j = 0; j < count; j++) to[((long)j * Taps) + i] = 0f + sums[(i * pitch) + j];
        }
    }
}
