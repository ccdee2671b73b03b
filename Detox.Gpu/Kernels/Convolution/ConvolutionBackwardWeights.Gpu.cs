using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly partial record struct ConvolutionBackwardWeights
{
    private static readonly Scratch<float> _biasSums = new();

    private int Chunks => (Positions + Chunk - 1) / Chunk;

    public void Run(IlgpuDevice device)
    {
        if (Positions == 0)
        {
            Clear(device);
            return;
        }

        if (Shape.IsWinograd) ByTiles.Run(device);
        else ChunkByChunk(device);
        SumBias(device);
    }

    /// <summary>The bias's gradient, where it is wanted.</summary>
    internal void SumBias(IlgpuDevice device)
    {
        if (BiasGradient is not { } biasGradient) return;
        ArrayView<float> total = IlgpuDevice.Floats(biasGradient), sums = ChunkSums.Room(device, _biasSums, Chunks, total);
        device.Each(sums.Length, new BiasChunk(Shape.Outputs, Positions, IlgpuDevice.Floats(OutputGradient), sums));
        ChunkSums.Add(device, Chunks, sums, total);
    }

    private void ChunkByChunk(IlgpuDevice device)
    {
        ArrayView<float> total = IlgpuDevice.Floats(WeightsGradient), sums = ChunkSums.Room(device, ChunkSums.Memory, Chunks, total);
        bool inFours = TiledProduct.LiesInFours(Input, Shape.Channels) && TiledProduct.LiesInFours(OutputGradient, Shape.Outputs) && TiledProduct.LiesInFours(WeightsGradient, Shape.Outputs);
        TiledProduct.Launch(device, Shape.Taps, Shape.Outputs, Chunks, inFours, new Product(Shape, Positions, IlgpuDevice.Floats(Input), IlgpuDevice.Floats(OutputGradient), sums));
        ChunkSums.Add(device, Chunks, sums, total);
    }

    // A batch is a chunk of positions: the product of its turned patches and its output gradients. A row is a tap, a
    // term is a position; sums holds the chunks' gradients one after another.
    internal readonly struct Product(
        ConvolutionShape shape, int positions, ArrayView<float> input, ArrayView<float> outputGradient, ArrayView<float> sums) : IProduct
    {
        public void Run<TSums, TAccess>()
            where TSums : struct, ISums
            where TAccess : struct, IAccess
        {
            ProductTile tile = TiledProduct.Tile<TSums>(shape.Taps, shape.Outputs);
            int start = tile.Batch * Chunk, terms = positions - start;
            if (terms > Chunk) terms = Chunk;
            TiledProduct.Run<TSums, TAccess, TurnedPatches<TAccess>, Strided<TAccess>, Rowwise>(
                tile,
                new(shape, input.SubView((long)(start / shape.Positions) * shape.InputLength), start % shape.Positions),
                new(outputGradient.SubView((long)start * shape.Outputs), shape.Outputs),
                new(sums.SubView((long)tile.Batch * shape.WeightLength), shape.Outputs),
                terms);
        }
    }

    // One thread an output and chunk.
    internal readonly struct BiasChunk(int outputs, int positions, ArrayView<float> outputGradient, ArrayView<float> sums) : IThread
    {
        public void Run(long at)
        {
            int n = (int)at % outputs, start = (int)at / outputs * Chunk, terms = positions - start;
            if (terms > Chunk) terms = Chunk;
            ArrayView<float> gradients = outputGradient.SubView((long)start * outputs);
            float sum = 0;
            for (int p = 0; p < terms; p++) sum = Portable.Add(sum, gradients[(p * outputs) + n]);
            sums[at] = sum;
        }
    }

    /// <summary>The pixels under a tap of one position after another.</summary>
    /// <param name="images">From the first position's image on.</param>
    /// <param name="first">The first position in it.</param>
    private struct TurnedPatches<TAccess>(ConvolutionShape shape, ArrayView<float> images, int first) : IFactors
        where TAccess : struct, IAccess
    {
        private int _image, _x, _y, _left, _endX, _endY, _top;

        public static bool IsInFours => TAccess.IsInFours;

        public static bool AreTerms => !TAccess.IsInFours;

        public readonly bool AreThere => true;

        private readonly bool IsInside => (uint)_y < (uint)shape.Height & (uint)_x < (uint)shape.Width;

        private readonly int At => _image + (((_y * shape.Width) + _x) * shape.Channels);

        public void Begin(int index, int term)
        {
            int channel = index % shape.Channels, column = index / shape.Channels % shape.Kernel, row = index / shape.Channels / shape.Kernel;
            _image = channel;
            _left = column - shape.Padding;
            _top = row - shape.Padding;
            _x = (first % shape.OutputWidth * shape.Stride) + _left;
            _y = (first / shape.OutputWidth * shape.Stride) + _top;
            _endX = _left + (shape.OutputWidth * shape.Stride);
            _endY = _top + (shape.OutputHeight * shape.Stride);
            Skip(term);
        }

        public readonly float Read()
        {
            float pixel = 0;
            if (IsInside) pixel = images[At];
            return pixel;
        }

        public readonly Four ReadFour(int ahead)
        {
            TurnedPatches<TAccess> there = this;
            there.Skip(ahead);
            Four pixels = default;
            if (there.IsInside) pixels = Four.Load(images, there.At);
            return pixels;
        }

        public void Skip(int terms)
        {
            _x += terms * shape.Stride;
            while (_x >= _endX)
            {
                _x -= _endX - _left;
                _y += shape.Stride;
                if (_y < _endY) continue;
                _y = _top;
                _image += shape.InputLength;
            }
        }
    }
}
