using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class ConvolutionForward
{
    /// <summary>The product of patches, which are read where they lie, and weights: a row is a position of a sample, a term is a tap.</summary>
    internal static void Kernel(
        ConvolutionShape shape, int rows, ArrayView<float> input, ArrayView<float> weights, ArrayView<float> bias, int hasBias, ArrayView<float> output)
        => TiledProduct.Run(
            new Patches(shape, input), new TiledProduct.Strided(weights, 0, shape.Outputs), new Biased(output, bias, shape.Outputs, hasBias), rows, shape.Outputs, shape.Taps);

    /// <summary>The same where a patch is a whole image: a fully connected layer.</summary>
    internal static void DenseKernel(
        int terms, int outputs, int rows, ArrayView<float> input, ArrayView<float> weights, ArrayView<float> bias, int hasBias, ArrayView<float> output)
        => TiledProduct.Run(
            new TiledProduct.Contiguous(input, 0, terms), new TiledProduct.Strided(weights, 0, outputs), new Biased(output, bias, outputs, hasBias), rows, outputs, terms);

    /// <summary>The pixels under the taps of a position, tap after tap, without a division.</summary>
    private struct Patches(ConvolutionShape shape, ArrayView<float> input) : IFactors
    {
        private int _image, _left, _x, _y, _channel, _endX;

        public void Begin(int index)
        {
            int position = index % shape.Positions;
            _image = index / shape.Positions * shape.InputLength;
            _left = (position % shape.OutputWidth * shape.Stride) - shape.Padding;
            _y = (position / shape.OutputWidth * shape.Stride) - shape.Padding;
            _x = _left;
            _endX = _left + shape.Kernel;
            _channel = 0;
        }

        public float Next()
        {
            float pixel = 0;
            if (_y >= 0 & _y < shape.Height & _x >= 0 & _x < shape.Width) pixel = input[_image + (((_y * shape.Width) + _x) * shape.Channels) + _channel];
            _channel++;
            if (_channel < shape.Channels) return pixel;
            _channel = 0;
            _x++;
            if (_x < _endX) return pixel;
            _x = _left;
            _y++;
            return pixel;
        }

        public readonly void Skip(int factors)
        {
        }
    }

    private readonly struct Biased(ArrayView<float> output, ArrayView<float> bias, int outputs, int hasBias) : IProductSink
    {
        public void Store(int row, int column, float sum)
        {
            if (hasBias != 0) sum = Portable.Add(sum, bias[column]);
            output[(row * outputs) + column] = sum;
        }
    }
}
