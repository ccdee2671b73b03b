using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe partial record struct ConvolutionForward
{
    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        Piece<TLanes, V> work = new()
        {
            Shape = Shape,
            Outputs = Shape.Outputs,
            Images = PaddedImages.Of(device, Shape, Samples, CpuDevice.Pointer(Input)),
            Weights = CpuDevice.Pointer(Weights),
            Bias = CpuDevice.Pointer(Bias),
            Output = CpuDevice.Pointer(Output),
            Rows = Rows,
        };
        if (!work.IsByPanels)
        {
            work.Outputs -= LeftoverOutputs<TLanes, V>();
            work.Panels = Panels<TLanes, V>.Of(device, work.Weights, Shape.Taps, work.Outputs, Shape.Outputs, 1);
        }

        device.Share(work.Pieces, ref work);
        if (work.Outputs == Shape.Outputs) return;
        Leftover<TLanes, V> rest = new() { Shape = Shape, Images = work.Images, Weights = work.Weights, Bias = work.Bias, Output = work.Output, FirstOutput = work.Outputs };
        device.Share(Samples, ref rest);
    }

    /// <summary>One piece: one block of output pixels, their outputs; or where that is better, one panel of outputs of all
    /// pixels. Patches are read where they lie in the padded image.</summary>
    private struct Piece<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public ConvolutionShape Shape;

        /// <summary>The first outputs, which this computes.</summary>
        public int Outputs;
        public float* Images;
        public float* Weights;

        /// <summary>The weights in panels; null where each panel is one piece's.</summary>
        public float* Panels;
        public float* Bias;
        public float* Output;
        public int Rows;

        public readonly bool IsByPanels => IsOneBlock || Shape.IsDense;

        public readonly int Pieces => IsByPanels ? Panels<TLanes, V>.Count(Outputs) : (Rows + Panels<TLanes, V>.RowBlock - 1) / Panels<TLanes, V>.RowBlock;

        private readonly bool IsOneBlock => Rows <= Panels<TLanes, V>.RowBlock;

        public readonly void Run(int piece)
        {
            long* offsets = stackalloc long[Shape.Kernel];
            int* lengths = stackalloc int[Shape.Kernel];
            for (int row = 0; row < Shape.Kernel; row++)
            {
                offsets[row] = (long)row * Shape.PaddedWidth * Shape.Channels;
                lengths[row] = Shape.Kernel * Shape.Channels;
            }

            Terms terms = new() { Offsets = offsets, Lengths = lengths, Runs = Shape.Kernel, Step = 1 };
            float** rows = stackalloc float*[Panels<TLanes, V>.RowPointers];
            int first = IsByPanels ? 0 : piece * Panels<TLanes, V>.RowBlock, end = IsByPanels ? Rows : Math.Min(Rows, first + Panels<TLanes, V>.RowBlock);
            float* panel = IsByPanels ? Panels<TLanes, V>.Find(piece, Weights, Shape.Taps, Shape.Outputs, !IsOneBlock, out terms.PanelStep) : null;
            for (; first < end; first += Panels<TLanes, V>.RowBlock)
            {
                int count = Math.Min(Panels<TLanes, V>.RowBlock, end - first);
                PatchPointers(first, count, rows);
                Sink sink = new() { Output = Output + ((long)first * Shape.Outputs), Columns = Shape.Outputs, Bias = Bias };
                if (IsByPanels) Panels<TLanes, V>.MultiplyOne(rows, count, &terms, piece, panel, Outputs, ref sink);
                else Panels<TLanes, V>.Multiply(rows, count, &terms, Shape.Taps, Panels, Outputs, ref sink);
            }
        }

        private readonly void PatchPointers(int first, int count, float** rows)
        {
            int sample = first / Shape.Positions, position = first % Shape.Positions;
            int y = position / Shape.OutputWidth, x = position % Shape.OutputWidth;
            long rowStep = (long)Shape.Stride * Shape.PaddedWidth * Shape.Channels;
            long columnStep = (long)Shape.Stride * Shape.Channels;
            float* image = Images + ((long)sample * Shape.PaddedLength);
            for (int i = 0; i < count; i++)
            {
                rows[i] = image + (y * rowStep) + (x * columnStep);
                if (++x < Shape.OutputWidth) continue;
                x = 0;
                if (++y < Shape.OutputHeight) continue;
                y = 0;
                image += Shape.PaddedLength;
            }
        }

        private struct Sink : ISink
        {
            public float* Output;
            public float* Bias;
            public int Columns;

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public readonly void Take(int row, int rows, int first, int count, float* sums, int pitch)
            {
                float* to = Output + ((long)row * Columns) + first;
                float* bias = Bias + first;
                for (; rows > 0; rows--, sums += pitch, to += Columns)
                {
                    int j = 0;
                    if (Bias == null)
                    {
                        for (; j <= count - TLanes.Count; j += TLanes.Count) TLanes.Store(TLanes.Load(sums + j), to + j);
                        for (; j <= count - 4; j += 4) Vector128.Store(Vector128.Load(sums + j), to + j);
                        for (; j < count; j++) to[j] = sums[j];
                        continue;
                    }

                    for (; j <= count - TLanes.Count; j += TLanes.Count)
                        TLanes.Store(TLanes.Add(TLanes.Load(sums + j), TLanes.Load(bias + j)), to + j);
                    for (; j <= count - 4; j += 4) Vector128.Store(Vector128.Load(sums + j) + Vector128.Load(bias + j), to + j);
                    for (; j < count; j++) to[j] = sums[j] + bias[j];
                }
            }
        }
    }
}
