using System.Runtime.CompilerServices;
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
            DensePiece<TLanes, V> dense = new() { Shape = Shape, OutputGradient = outputGradient, Weights = weights, InputGradient = inputGradient, Samples = Samples };
            if (!dense.IsOneBlock) dense.Panels = TurnedPanels<TLanes, V>(device, weights);
            device.Share(dense.Pieces, ref dense);
            return;
        }

        Piece<TLanes, V> work = new() { Shape = Shape, OutputGradient = outputGradient, Panels = TurnedPanels<TLanes, V>(device, weights), InputGradient = inputGradient };
        device.Share(Samples, ref work);
    }

    /// <summary>The weights the other way round: a term is an output, a column is a tap.</summary>
    private float* TurnedPanels<TLanes, V>(CpuDevice device, float* weights)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        => Panels<TLanes, V>.Of(device, weights, Shape.Outputs, Shape.Taps, 1, Shape.Outputs);

    /// <summary>One piece: one image. What each position gives its taps is computed for a few positions at a time and added at once.</summary>
    private struct Piece<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        private const int ScratchFloats = 24 * 1024;

        public ConvolutionShape Shape;
        public float* OutputGradient;
        public float* Panels;
        public float* InputGradient;

        public readonly void Run(int piece)
        {
            int taps = Shape.Taps;
            int block = Math.Clamp(ScratchFloats / taps / 24 * 24, 24, Panels<TLanes, V>.RowBlock);
            float* given = ThreadScratch.Floats((long)block * taps);
            float* image = InputGradient + ((long)piece * Shape.InputLength);
            new Span<float>(image, Shape.InputLength).Clear();
            float** rows = stackalloc float*[Panels<TLanes, V>.RowPointers];
            long offset = 0;
            int length = Shape.Outputs;
            Terms terms = new() { Offsets = &offset, Lengths = &length, Runs = 1, Step = 1 };
            for (int first = 0; first < Shape.Positions; first += block)
            {
                int count = Math.Min(block, Shape.Positions - first);
                float* gradient = OutputGradient + (((long)piece * Shape.Positions) + first) * Shape.Outputs;
                for (int i = 0; i < count; i++) rows[i] = gradient + ((long)i * Shape.Outputs);
                Store<TLanes, V> sink = new() { Output = given, Columns = taps };
                Panels<TLanes, V>.Multiply(rows, count, &terms, Shape.Outputs, Panels, taps, ref sink);
                for (int i = 0; i < count; i++) Give(first + i, given + ((long)i * taps), image);
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
                int j = 0;
                for (; j <= length - TLanes.Count; j += TLanes.Count) TLanes.Store(TLanes.Add(TLanes.Load(to + j), TLanes.Load(from + j)), to + j);
                for (; j < length; j++) to[j] += from[j];
            }
        }
    }

    /// <summary>One piece: one block of samples of a fully connected layer, whose single position gives every pixel its only
    /// term; or where one block is all, one panel of pixels of each.</summary>
    private struct DensePiece<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public ConvolutionShape Shape;
        public float* OutputGradient;
        public float* Weights;

        /// <summary>The weights in panels; null where one block is all, which packs what it needs itself.</summary>
        public float* Panels;
        public float* InputGradient;
        public int Samples;

        public readonly bool IsOneBlock => Samples <= Panels<TLanes, V>.RowBlock;

        public readonly int Pieces => IsOneBlock ? Panels<TLanes, V>.Count(Shape.Taps) : (Samples + Panels<TLanes, V>.RowBlock - 1) / Panels<TLanes, V>.RowBlock;

        public readonly void Run(int piece)
        {
            int first = IsOneBlock ? 0 : piece * Panels<TLanes, V>.RowBlock, count = Math.Min(Panels<TLanes, V>.RowBlock, Samples - first);
            float** rows = stackalloc float*[Panels<TLanes, V>.RowPointers];
            for (int i = 0; i < count; i++) rows[i] = OutputGradient + ((long)(first + i) * Shape.Outputs);
            long offset = 0;
            int length = Shape.Outputs;
            Terms terms = new() { Offsets = &offset, Lengths = &length, Runs = 1, Step = 1 };
            AddToZero<TLanes, V> sink = new() { Output = InputGradient + ((long)first * Shape.Taps), Columns = Shape.Taps };
            if (IsOneBlock) Panels<TLanes, V>.MultiplyUnpacked(rows, count, &terms, Shape.Outputs, piece, Weights, Shape.Taps, 1, Shape.Outputs, ref sink);
            else Panels<TLanes, V>.Multiply(rows, count, &terms, Shape.Outputs, Panels, Shape.Taps, ref sink);
        }
    }

    /// <summary>Keeps the sums as they are.</summary>
    private struct Store<TLanes, V> : ISink
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float* Output;
        public int Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Take(int row, int rows, int first, int count, float* sums, int pitch)
        {
            float* to = Output + ((long)row * Columns) + first;
            for (; rows > 0; rows--, sums += pitch, to += Columns)
            {
                int j = 0;
                for (; j <= count - TLanes.Count; j += TLanes.Count) TLanes.Store(TLanes.Load(sums + j), to + j);
                for (; j < count; j++) to[j] = sums[j];
            }
        }
    }

    /// <summary>+0 and the sum: only a negative zero is changed by that.</summary>
    private struct AddToZero<TLanes, V> : ISink
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float* Output;
        public int Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Take(int row, int rows, int first, int count, float* sums, int pitch)
        {
            float* to = Output + ((long)row * Columns) + first;
            for (; rows > 0; rows--, sums += pitch, to += Columns)
            {
                int j = 0;
                for (; j <= count - TLanes.Count; j += TLanes.Count) TLanes.Store(TLanes.Add(TLanes.Zero, TLanes.Load(sums + j)), to + j);
                for (; j < count; j++) to[j] = 0f + sums[j];
            }
        }
    }
}
