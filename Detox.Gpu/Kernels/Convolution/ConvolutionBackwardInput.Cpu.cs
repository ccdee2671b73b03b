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

    /// <summary>One piece: one image. What a few positions give their taps is computed by weights that are turned, a term an output and a column a tap, and
    /// added at once.</summary>
    private struct Piece<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        /// <summary>Positions at a time: whole register tiles of every height, few enough for what they give to stay in the cache.</summary>
        private const int Block = 24;

        public ConvolutionShape Shape;
        public float* OutputGradient;
        public float* Panels;
        public float* InputGradient;

        public readonly void Run(int piece)
        {
            int panels = Panels<TLanes, V>.Count(Shape.Taps), pitch = (int)Panels<TLanes, V>.Length(1, Shape.Taps);
            float* given = ThreadScratch.Floats((long)Block * pitch);
            float* image = InputGradient + ((long)piece * Shape.InputLength);
            new Span<float>(image, Shape.InputLength).Clear();
            float** rows = stackalloc float*[Block + 12];
            long offset = 0;
            int length = Shape.Outputs;
            Terms terms = new() { Offsets = &offset, Lengths = &length, Runs = 1, Step = 1 };
            for (int first = 0; first < Shape.Positions; first += Block)
            {
                int count = Math.Min(Block, Shape.Positions - first);
                float* gradient = OutputGradient + (((long)piece * Shape.Positions) + first) * Shape.Outputs;
                for (int i = 0; i < count + 12; i++) rows[i] = gradient + (Math.Min(i, count - 1) * (long)Shape.Outputs);
                for (int panel = 0; panel < panels; panel++)
                {
                    int column = Panels<TLanes, V>.First(panel, Shape.Taps), vectors = Panels<TLanes, V>.Vectors(panel, Shape.Taps);
                    terms.PanelStep = vectors * TLanes.Count;
                    Panels<TLanes, V>.MultiplyPlain(rows, count, &terms, Panels + ((long)column * Shape.Outputs), vectors, given + column, pitch);
                }

                for (int i = 0; i < count; i++) Give(first + i, given + ((long)i * pitch), image);
            }
        }

        /// <summary>Adds what one position gives to the pixels under its taps.</summary>
        private readonly void Give(int position, float* given, float* image)
        {
            int top = (position / Shape.OutputWidth * Shape.Stride) - Shape.Padding;
            int left = (position % Shape.OutputWidth * Shape.Stride) - Shape.Padding;
            int firstColumn = Math.Max(0, -left), endColumn = Math.Min(Shape.Kernel, Shape.Width - left);
            int length = (endColumn - firstColumn) * Shape.Channels;
            for (int row = Math.Max(0, -top); row < Math.Min(Shape.Kernel, Shape.Height - top); row++)
            {
                float* from = given + (((row * Shape.Kernel) + firstColumn) * Shape.Channels);
                float* to = image + (((long)(top + row) * Shape.Width) + left + firstColumn) * Shape.Channels;
                Panels<TLanes, V>.Add(from, length, to);
            }
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
                    (Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d) = Squares.Turn(
                        Vector128.Load(from + j), Vector128.Load(from + pitch + j), Vector128.Load(from + (2 * pitch) + j), Vector128.Load(from + (3 * pitch) + j));
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
