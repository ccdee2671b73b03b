using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class ConvolutionBackwardWeights
{
    /// <summary>A batch is a chunk of positions: the product of its turned patches and its output gradients. A row is a tap, a
    /// term is a position; sums holds the chunks' gradients one after another.</summary>
    internal static void ChunkKernel(
        ConvolutionShape shape, int positions, ArrayView<float> input, ArrayView<float> outputGradient, ArrayView<float> sums)
    {
        int start = Grid.IdxZ * Chunk, terms = positions - start;
        if (terms > Chunk) terms = Chunk;
        TiledProduct.Run(
            new TurnedPatches(shape, input, start),
            new TiledProduct.Strided(outputGradient, start * shape.Outputs, shape.Outputs),
            new TiledProduct.Rowwise(sums, Grid.IdxZ * shape.WeightLength, shape.Outputs),
            shape.Taps,
            shape.Outputs,
            terms);
    }

    /// <summary>The pixels under a tap of one position after another.</summary>
    private struct TurnedPatches(ConvolutionShape shape, ArrayView<float> input, int start) : IFactors
    {
        private int _image, _x, _y, _left, _endX, _endY, _top;

        public void Begin(int index)
        {
            int channel = index % shape.Channels, column = index / shape.Channels % shape.Kernel, row = index / shape.Channels / shape.Kernel;
            int position = start % shape.Positions;
            _image = (start / shape.Positions * shape.InputLength) + channel;
            _left = column - shape.Padding;
            _top = row - shape.Padding;
            _x = (position % shape.OutputWidth * shape.Stride) + _left;
            _y = (position / shape.OutputWidth * shape.Stride) + _top;
            _endX = _left + (shape.OutputWidth * shape.Stride);
            _endY = _top + (shape.OutputHeight * shape.Stride);
        }

        public float Next()
        {
            float pixel = 0;
            if (_y >= 0 & _y < shape.Height & _x >= 0 & _x < shape.Width) pixel = input[_image + (((_y * shape.Width) + _x) * shape.Channels)];
            _x += shape.Stride;
            if (_x < _endX) return pixel;
            _x = _left;
            _y += shape.Stride;
            if (_y < _endY) return pixel;
            _y = _top;
            _image += shape.InputLength;
            return pixel;
        }

        public readonly void Skip(int factors)
        {
        }
    }

    /// <summary>One thread an output and chunk.</summary>
    internal static void BiasChunkKernel(Index1D at, int outputs, int positions, ArrayView<float> outputGradient, ArrayView<float> sums)
    {
        int n = at % outputs, start = at / outputs * Chunk;
        int end = start + Chunk;
        if (end > positions) end = positions;
        float sum = 0;
        for (int p = start; p < end; p++) sum = Portable.Add(sum, outputGradient[(p * outputs) + n]);
        sums[at] = sum;
    }

    /// <summary>One thread a gradient: adds its chunks in their order.</summary>
    internal static void AddKernel(Index1D at, int chunks, ArrayView<float> sums, ArrayView<float> gradient)
    {
        int length = (int)gradient.Length;
        float total = sums[at];
        for (int chunk = 1; chunk < chunks; chunk++) total = Portable.Add(total, sums[(chunk * length) + at]);
        gradient[at] = total;
    }
}
