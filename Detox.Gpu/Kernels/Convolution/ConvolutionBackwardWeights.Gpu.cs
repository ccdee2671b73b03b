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
        TiledProduct.Launch(device, Shape.Taps, Shape.Outputs, Chunks, new Product(Shape, Positions, IlgpuDevice.Floats(Input), IlgpuDevice.Floats(OutputGradient), sums));
        ChunkSums.Add(device, Chunks, sums, total);
    }

    // A batch is a chunk of positions: the product of its turned patches and its output gradients. A row is a tap, a
    // term is a position; sums holds the chunks' gradients one after another.
    internal readonly struct Product(
        ConvolutionShape shape, int positions, ArrayView<float> input, ArrayView<float> outputGradient, ArrayView<float> sums) : IProduct
    {
        public void Run<TSums>()
            where TSums : struct, ISums<TSums>
        {
            ProductTile tile = TiledProduct.Tile<TSums>(shape.Taps, shape.Outputs);
            int start = tile.Batch * Chunk, terms = positions - start;
            if (terms > Chunk) terms = Chunk;
            TiledProduct.Run<TSums, TurnedPatches, TiledProduct.Strided, TiledProduct.Rowwise>(
                tile,
                new TurnedPatches(shape, input.SubView((long)(start / shape.Positions) * shape.InputLength), start % shape.Positions),
                new TiledProduct.Strided(outputGradient.SubView((long)start * shape.Outputs), shape.Outputs),
                new TiledProduct.Rowwise(sums.SubView((long)tile.Batch * shape.WeightLength), shape.Outputs),
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
    private struct TurnedPatches(ConvolutionShape shape, ArrayView<float> images, int first) : IFactors
    {
        private int _image, _x, _y, _left, _endX, _endY, _top;

        public void Begin(int index)
        {
            int channel = index % shape.Channels, column = index / shape.Channels % shape.Kernel, row = index / shape.Channels / shape.Kernel;
            _image = channel;
            _left = column - shape.Padding;
            _top = row - shape.Padding;
            _x = (first % shape.OutputWidth * shape.Stride) + _left;
            _y = (first / shape.OutputWidth * shape.Stride) + _top;
            _endX = _left + (shape.OutputWidth * shape.Stride);
            _endY = _top + (shape.OutputHeight * shape.Stride);
        }

        public float Next()
        {
            float pixel = 0;
            if (_y >= 0 & _y < shape.Height & _x >= 0 & _x < shape.Width) pixel = images[_image + (((_y * shape.Width) + _x) * shape.Channels)];
            Skip(1);
            return pixel;
        }

        public void Skip(int factors)
        {
            _x += factors * shape.Stride;
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
