using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal readonly unsafe partial record struct WinogradBackwardWeights
{
    private static readonly Scratch<float> _gradients = new();
    private static readonly Scratch<float> _sums = new();

    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        WinogradTiles tiles = WinogradTiles.Of(device, Shape, Samples, CpuDevice.Pointer(Input));
        int group = Math.Min(WinogradBackwardWeights<TLanes, V>.GroupTiles(Shape), tiles.Count);
        long gradientFloats = Panels<TLanes, V>.Length(group, Shape.Outputs);
        WinogradBackwardWeights<TLanes, V>.TransformGradient transform = new()
        {
            Shape = Shape,
            Tiles = tiles,
            OutputGradient = CpuDevice.Pointer(OutputGradient),
            Zeros = tiles.Zeros,
            To = device.Room(_gradients, Winograd.Places * WinogradTransforms<TLanes, V>.Pitch(gradientFloats)),
        };
        WinogradBackwardWeights<TLanes, V>.Multiply multiply = new() { Shape = Shape, Gradient = transform.To, WeightsGradient = CpuDevice.Pointer(WeightsGradient) };
        if (group < tiles.Count) multiply.Sums = device.Room(_sums, multiply.Pieces * WinogradBackwardWeights<TLanes, V>.Multiply.SumFloats);
        for (int first = 0; first < tiles.Count; first += group)
        {
            int count = Math.Min(group, tiles.Count - first);
            multiply.Data = WinogradData<TLanes, V>.Of(device, tiles, Shape.Channels, first, count);
            multiply.DataPitch = WinogradTransforms<TLanes, V>.Pitch((long)count * Shape.Channels);
            transform.First = first;
            transform.Count = multiply.Count = count;
            transform.Pitch = multiply.GradientPitch = WinogradTransforms<TLanes, V>.Pitch(Panels<TLanes, V>.Length(count, Shape.Outputs));
            device.Share(count, ref transform);
            multiply.IsFirst = first == 0;
            multiply.IsLast = first + count == tiles.Count;
            device.Share(multiply.Pieces, ref multiply);
        }
    }
}

/// <summary>How a processor computes <see cref="WinogradBackwardWeights"/>.</summary>
/// <remarks>Tiles come in groups of whole chunks, whose data and gradients stay in the cache: each group is transformed, then
/// multiplied in all places, a block of channels by a panel of outputs a piece. The sums wait for the next group, and are transformed behind the last one.</remarks>
internal static unsafe class WinogradBackwardWeights<TLanes, V>
    where TLanes : struct, ILanes<V>
    where V : unmanaged
{
    /// <summary>Channels of a piece.</summary>
    public const int ChannelBlock = Panels<TLanes, V>.RowBlock;

    /// <summary>Floats of a group's data and gradients.</summary>
    private const int GroupFloats = 5 * 256 * 1024;

    /// <summary>Tiles of a group.</summary>
    public static int GroupTiles(in ConvolutionShape shape)
        => Math.Max(1, GroupFloats / (Winograd.Places * (shape.Channels + shape.Outputs) * Winograd.Chunk)) * Winograd.Chunk;

    /// <summary>One piece: one tile of the output gradient, in panels.</summary>
    internal struct TransformGradient : IPieces
    {
        public ConvolutionShape Shape;
        public WinogradTiles Tiles;
        public float* OutputGradient;
        public float* Zeros;
        public int First;
        public float* To;

        /// <summary>Tiles of this group.</summary>
        public int Count;
        public long Pitch;

        public readonly void Run(int piece)
        {
            (int sample, int top, int left) = Tiles.At(First + piece);
            float* gradient = OutputGradient + ((((long)sample * Shape.Positions) + ((long)top * Shape.OutputWidth) + left) * Shape.Outputs);
            float** rows = stackalloc float*[Winograd.Tile];
            for (int panel = 0; panel < Panels<TLanes, V>.Count(Shape.Outputs); panel++)
            {
                int first = Panels<TLanes, V>.First(panel, Shape.Outputs), width = Panels<TLanes, V>.Vectors(panel, Shape.Outputs) * TLanes.Count;
                for (int y = 0; y < Winograd.Tile; y++)
                    rows[y] = top + y < Shape.OutputHeight ? gradient + ((long)y * Shape.OutputWidth * Shape.Outputs) + first : Zeros;
                WinogradTransforms<TLanes, V>.Gradient(
                    rows, Shape.OutputWidth - left, Shape.Outputs, Math.Min(width, Shape.Outputs - first),
                    To + ((long)first * Count) + ((long)piece * width), Pitch);
            }
        }
    }

    /// <summary>One piece: one block of channels times one panel of outputs, in all places.</summary>
    internal struct Multiply : IPieces
    {
        public ConvolutionShape Shape;
        public float* Data;
        public long DataPitch;
        public float* Gradient;
        public long GradientPitch;

        /// <summary>The sums of all pieces; null where one group is all, whose pieces keep their own.</summary>
        public float* Sums;
        public float* WeightsGradient;

        /// <summary>Tiles of this group.</summary>
        public int Count;
        public bool IsFirst;
        public bool IsLast;

        /// <summary>Floats of one piece's sums. The last rows of a register tile reach beyond the last channel.</summary>
        public static long SumFloats => Winograd.Places * SumPitch(3 * TLanes.Count);

        public readonly int Pieces => Panels<TLanes, V>.Count(Shape.Outputs) * ChannelBlocks;

        private readonly int ChannelBlocks => (Shape.Channels + ChannelBlock - 1) / ChannelBlock;

        [SkipLocalsInit]
        public readonly void Run(int piece)
        {
            int panel = piece / ChannelBlocks, channel = piece % ChannelBlocks * ChannelBlock, channels = Math.Min(ChannelBlock, Shape.Channels - channel);
            int vectors = Panels<TLanes, V>.Vectors(panel, Shape.Outputs), width = vectors * TLanes.Count;
            int first = Panels<TLanes, V>.First(panel, Shape.Outputs);
            float* sums = Sums == null ? ThreadScratch.Floats(SumFloats) : Sums + (piece * SumFloats);
            float** rows = stackalloc float*[Panels<TLanes, V>.RowPointers];
            for (int i = 0; i < channels + 12; i++) rows[i] = Data + channel + Math.Min(i, channels - 1);
            long pitch = SumPitch(width);
            for (int place = 0; place < Winograd.Places; place++)
            {
                float* panels = Gradient + (place * GradientPitch) + ((long)first * Count);
                for (int start = 0; start < Count; start += Winograd.Chunk)
                    AddChunk(rows, channels, (place * DataPitch) + ((long)start * Shape.Channels), Math.Min(Winograd.Chunk, Count - start), panels + ((long)start * width), vectors, sums + (place * pitch), IsFirst && start == 0);
            }

            if (!IsLast) return;
            for (int i = 0; i < channels; i++)
            {
                WinogradTransforms<TLanes, V>.KernelGradient(
                    sums + ((long)i * width), pitch, Math.Min(width, Shape.Outputs - first),
                    WeightsGradient + ((long)(channel + i) * Shape.Outputs) + first, (long)Shape.Channels * Shape.Outputs);
            }
        }

        [SkipLocalsInit]
        private readonly void AddChunk(float** rows, int channels, long offset, int length, float* panel, int vectors, float* sums, bool isFirst)
        {
            Terms terms = new() { Offsets = &offset, Lengths = &length, Runs = 1, Step = Shape.Channels, PanelStep = vectors * TLanes.Count };
            if (isFirst)
            {
                Panels<TLanes, V>.MultiplyPlain(rows, channels, &terms, panel, vectors, sums, vectors * TLanes.Count);
                return;
            }

            float* result = stackalloc float[RegisterTile<TLanes, V>.MostFloats];
            int height = RegisterTile<TLanes, V>.Height(vectors), floats = height * vectors * TLanes.Count;
            for (int row = 0; row < channels; row += height, sums += floats)
            {
                RegisterTile<TLanes, V>.Multiply(rows + row, channels - row, &terms, panel, vectors, result, vectors * TLanes.Count);
                for (int i = 0; i < floats; i += TLanes.Count) TLanes.Store(TLanes.Add(TLanes.Load(sums + i), TLanes.Load(result + i)), sums + i);
            }
        }

        private static long SumPitch(int width) => WinogradTransforms<TLanes, V>.Pitch((ChannelBlock + 12L) * width);
    }
}
