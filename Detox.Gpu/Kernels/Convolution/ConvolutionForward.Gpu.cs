using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly partial record struct ConvolutionForward
{
    public void Run(IlgpuDevice device)
    {
        if (Output.Length == 0) return;
        if (Shape.IsWinograd)
        {
            ByTiles.Run(device);
            return;
        }

        ArrayView<float> input = IlgpuDevice.Floats(Input), weights = IlgpuDevice.Floats(Weights);
        Biased sink = new(IlgpuDevice.Floats(Output), IlgpuDevice.Floats(Bias ?? Weights), Shape.Outputs, Bias is null ? 0 : 1);
        if (Shape.IsDense) TiledProduct.Launch(device, Rows, Shape.Outputs, 1, new Dense(Shape.Taps, Shape.Outputs, Rows, input, weights, sink));
        else TiledProduct.Launch(device, Rows, Shape.Outputs, 1, new Product(Shape, Rows, input, weights, sink));
    }

    // The product of patches, which are read where they lie, and weights: a row is a position of a sample, a term is a tap.
    internal readonly struct Product(ConvolutionShape shape, int rows, ArrayView<float> input, ArrayView<float> weights, Biased sink) : IProduct
    {
        public void Run<TSums>()
            where TSums : struct, ISums<TSums>
            => TiledProduct.Run<TSums, Patches, TiledProduct.Strided, Biased>(TiledProduct.Tile<TSums>(rows, shape.Outputs), new Patches(shape, input), new TiledProduct.Strided(weights, shape.Outputs), sink, shape.Taps);
    }

    // The same where a patch is a whole image: a fully connected layer.
    internal readonly struct Dense(int terms, int outputs, int rows, ArrayView<float> input, ArrayView<float> weights, Biased sink) : IProduct
    {
        public void Run<TSums>()
            where TSums : struct, ISums<TSums>
            => TiledProduct.Run<TSums, TiledProduct.Contiguous, TiledProduct.Strided, Biased>(TiledProduct.Tile<TSums>(rows, outputs), new TiledProduct.Contiguous(input, terms), new TiledProduct.Strided(weights, outputs), sink, terms);
    }

    internal readonly struct Biased(ArrayView<float> output, ArrayView<float> bias, int outputs, int hasBias) : IProductSink
    {
        public ArrayView<float> Row(int row) => output.SubView((long)row * outputs);

        public float Finish(int column, float sum)
        {
            if (hasBias != 0) sum = Portable.Add(sum, bias[column]);
            return sum;
        }
    }

    /// <summary>The pixels under the taps of a position, tap after tap, without a division.</summary>
    private struct Patches(ConvolutionShape shape, ArrayView<float> input) : IFactors
    {
        private ArrayView<float> _image;
        private int _left, _x, _y, _channel, _endX;

        public void Begin(int index)
        {
            int position = index % shape.Positions;
            _image = input.SubView((long)(index / shape.Positions) * shape.InputLength);
            _left = (position % shape.OutputWidth * shape.Stride) - shape.Padding;
            _y = (position / shape.OutputWidth * shape.Stride) - shape.Padding;
            _x = _left;
            _endX = _left + shape.Kernel;
            _channel = 0;
        }

        public float Next()
        {
            float pixel = 0;
            if (_y >= 0 & _y < shape.Height & _x >= 0 & _x < shape.Width) pixel = _image[(((_y * shape.Width) + _x) * shape.Channels) + _channel];
            Skip(1);
            return pixel;
        }

        public void Skip(int factors)
        {
            _channel += factors;
            while (_channel >= shape.Channels)
            {
                _channel -= shape.Channels;
                _x++;
                if (_x < _endX) continue;
                _x = _left;
                _y++;
            }
        }
    }
}
