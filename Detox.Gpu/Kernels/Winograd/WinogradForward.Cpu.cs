using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal readonly unsafe partial record struct WinogradForward
{
    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        WinogradTiles tiles = WinogradTiles.Of(device, Shape, Samples, CpuDevice.Pointer(Input));
        WinogradForward<TLanes, V>.Images images = new() { Shape = Shape, Tiles = tiles, Bias = CpuDevice.Pointer(Bias), Output = CpuDevice.Pointer(Output) };
        WinogradForward<TLanes, V>.Weights layout = new() { From = CpuDevice.Pointer(Weights), Channels = Shape.Channels, Outputs = Shape.Outputs, IsTurned = IsTurned };
        int panels = Panels<TLanes, V>.Count(Shape.Outputs);
        if (tiles.Count <= WinogradForward<TLanes, V>.MostTiles)
        {
            WinogradForward<TLanes, V>.OneBlock one = new() { Images = images, Weights = layout };
            one.Data = WinogradData<TLanes, V>.Of(device, tiles, Shape.Channels, 0, tiles.Count);
            device.Share(panels, ref one);
            return;
        }

        WinogradForward<TLanes, V>.TransformWeights transform = new() { Weights = layout, To = device.Room(Panels.Memory, layout.Start(panels)) };
        device.Share(transform.Pieces, ref transform);
        WinogradForward<TLanes, V>.Blocks blocks = new()
        {
            Images = images,
            Layout = layout,
            Weights = transform.To,
            Block = WinogradForward<TLanes, V>.Blocks.BlockFor(tiles.Count, Shape.Channels, device.Threads),
        };
        device.Share(blocks.Pieces, ref blocks);
    }
}

/// <summary>How a processor computes <see cref="WinogradForward"/>.</summary>
/// <remarks>A block of tiles is transformed, multiplied by one panel of weights after another in each place, and each panel's sums
/// transformed back while they are in the cache. Where one block is all, pieces are panels, and each transforms the weights it needs.</remarks>
internal static unsafe class WinogradForward<TLanes, V>
    where TLanes : struct, ILanes<V>
    where V : unmanaged
{
    /// <summary>The most tiles of a block.</summary>
    public const int MostTiles = Panels<TLanes, V>.RowBlock;

    /// <summary>Floats of a block's data that leave room in a second-level cache for the weights that pass through.</summary>
    private const int DataFloats = 128 * 1024;

    /// <summary>Channels whose weights are transformed at once.</summary>
    private const int ChannelBlock = 16;

    /// <summary>The weights on their way to their places.</summary>
    internal struct Weights
    {
        public float* From;
        public int Channels;
        public int Outputs;

        /// <summary>The weights lie as the convolution has them of which this is <see cref="Winograd.Turned"/>.</summary>
        public bool IsTurned;

        public readonly int ChannelBlocks => (Channels + ChannelBlock - 1) / ChannelBlock;

        /// <summary>Floats that a panel's weights take before they are transformed.</summary>
        public static int TapFloats => 9 * ChannelBlock * 3 * TLanes.Count;

        public readonly int Width(int panel) => Panels<TLanes, V>.Vectors(panel, Outputs) * TLanes.Count;

        public readonly long Pitch(int panel) => WinogradTransforms<TLanes, V>.Pitch((long)Channels * Width(panel));

        /// <summary>Where a panel begins behind those before it; behind the last one, the floats of all.</summary>
        public readonly long Start(int panel)
        {
            long start = 0;
            for (int i = 0; i < panel; i++) start += Winograd.Places * Pitch(i);
            return start;
        }

        public readonly void Transform(int panel, int block, float* taps, float* to)
        {
            int first = block * ChannelBlock, count = Math.Min(ChannelBlock, Channels - first), width = Width(panel);
            for (int tap = 0; tap < 9; tap++)
            {
                float* from = From + ((long)(IsTurned ? 8 - tap : tap) * Channels * Outputs);
                float* packed = taps + (tap * count * width);
                if (IsTurned) Panels<TLanes, V>.Pack(panel, from + first, count, Outputs, 1, Channels, packed);
                else Panels<TLanes, V>.Pack(panel, from + ((long)first * Outputs), count, Outputs, Outputs, 1, packed);
            }

            WinogradTransforms<TLanes, V>.Kernels(taps, (long)count * width, to + ((long)first * width), Pitch(panel));
        }
    }

    /// <summary>One piece: one block of channels of one panel of the weights.</summary>
    internal struct TransformWeights : IPieces
    {
        public Weights Weights;
        public float* To;

        public readonly int Pieces => Panels<TLanes, V>.Count(Weights.Outputs) * Weights.ChannelBlocks;

        public readonly void Run(int piece)
        {
            int panel = piece / Weights.ChannelBlocks;
            Weights.Transform(panel, piece % Weights.ChannelBlocks, ThreadScratch.Floats(Weights.TapFloats), To + Weights.Start(panel));
        }
    }

    /// <summary>What is multiplied, and where it goes.</summary>
    internal struct Images
    {
        public ConvolutionShape Shape;
        public WinogradTiles Tiles;
        public float* Bias;
        public float* Output;

        public readonly long DataPitch(int tiles) => WinogradTransforms<TLanes, V>.Pitch((long)tiles * Shape.Channels);

        /// <summary>Floats of one panel's sums. The last rows of a register tile reach beyond the last tile.</summary>
        public static long SumFloats(int tiles) => Winograd.Places * SumPitch(tiles, 3 * TLanes.Count);

        /// <summary>A block's tiles times one panel, place by place, and back to pixels.</summary>
        /// <param name="data">The tiles in their places, <see cref="DataPitch"/> of <paramref name="count"/> apart.</param>
        [SkipLocalsInit]
        public readonly void Multiply(int first, int count, float* data, int panel, float* weights, long weightPitch, float* sums)
        {
            float** rows = stackalloc float*[Panels<TLanes, V>.RowPointers];
            for (int i = 0; i < count + 12; i++) rows[i] = data + ((long)Math.Min(i, count - 1) * Shape.Channels);
            int vectors = Panels<TLanes, V>.Vectors(panel, Shape.Outputs), width = vectors * TLanes.Count;
            long dataPitch = DataPitch(count), sumPitch = SumPitch(count, width), offset = 0;
            int length = Shape.Channels;
            Terms terms = new() { Offsets = &offset, Lengths = &length, Runs = 1, Step = 1, PanelStep = width };
            for (int place = 0; place < Winograd.Places; place++, offset += dataPitch)
                Panels<TLanes, V>.MultiplyPlain(rows, count, &terms, weights + (place * weightPitch), vectors, sums + (place * sumPitch), width);

            int column = Panels<TLanes, V>.First(panel, Shape.Outputs), columns = Math.Min(width, Shape.Outputs - column);
            float* bias = Bias == null ? null : Bias + column;
            for (int i = 0; i < count; i++)
            {
                (int sample, int top, int left) = Tiles.At(first + i);
                float* to = Output + ((((long)sample * Shape.Positions) + ((long)top * Shape.OutputWidth) + left) * Shape.Outputs) + column;
                WinogradTransforms<TLanes, V>.Output(
                    sums + ((long)i * width), sumPitch, columns, bias, to,
                    Math.Min(Winograd.Tile, Shape.OutputHeight - top), Math.Min(Winograd.Tile, Shape.OutputWidth - left),
                    (long)Shape.OutputWidth * Shape.Outputs, Shape.Outputs);
            }
        }

        private static long SumPitch(int tiles, int width) => WinogradTransforms<TLanes, V>.Pitch((tiles + 12L) * width);
    }

    /// <summary>One piece: one block of tiles, all outputs of each.</summary>
    internal struct Blocks : IPieces
    {
        public Images Images;
        public Weights Layout;
        public float* Weights;
        public int Block;

        public readonly int Pieces => (Images.Tiles.Count + Block - 1) / Block;

        /// <summary>As many tiles as the cache holds, and blocks for all threads alike.</summary>
        public static int BlockFor(int tiles, int channels, int threads)
        {
            int most = Math.Clamp(DataFloats / (Winograd.Places * channels) / 24 * 24, 24, MostTiles);
            int blocks = (((tiles + most - 1) / most) + threads - 1) / threads * threads;
            return Math.Min(((tiles + blocks - 1) / blocks + 23) / 24 * 24, most);
        }

        public readonly void Run(int piece)
        {
            int first = piece * Block, count = Math.Min(Block, Images.Tiles.Count - first);
            long pitch = Images.DataPitch(count);
            float* data = ThreadScratch.Floats((Winograd.Places * pitch) + Images.SumFloats(count));
            for (int i = 0; i < count; i++) Images.Tiles.Data<TLanes, V>(first + i, data + ((long)i * Images.Shape.Channels), pitch);
            float* sums = data + (Winograd.Places * pitch), weights = Weights;
            for (int panel = 0; panel < Panels<TLanes, V>.Count(Images.Shape.Outputs); panel++)
            {
                long weightPitch = Layout.Pitch(panel);
                Images.Multiply(first, count, data, panel, weights, weightPitch, sums);
                weights += Winograd.Places * weightPitch;
            }
        }
    }

    /// <summary>One piece: one panel of outputs of all tiles, which are one block.</summary>
    internal struct OneBlock : IPieces
    {
        public Images Images;
        public Weights Weights;
        public float* Data;

        public readonly void Run(int piece)
        {
            int tiles = Images.Tiles.Count;
            long pitch = Weights.Pitch(piece), floats = Winograd.Places * pitch;
            float* weights = ThreadScratch.Floats(floats + Math.Max(Images.SumFloats(tiles), WinogradForward<TLanes, V>.Weights.TapFloats));
            float* sums = weights + floats;
            for (int block = 0; block < Weights.ChannelBlocks; block++) Weights.Transform(piece, block, sums, weights);
            Images.Multiply(0, tiles, Data, piece, weights, pitch, sums);
        }
    }
}
