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
        bool inFours = TiledProduct.LiesInFours(Input, Shape.IsDense ? Shape.Taps : Shape.Channels) && TiledProduct.LiesInFours(Weights, Shape.Outputs) && TiledProduct.LiesInFours(Output, Shape.Outputs);
        if (Shape.IsDense) TiledProduct.Launch(device, Rows, Shape.Outputs, 1, inFours, new Dense(Shape.Taps, Shape.Outputs, Rows, input, weights, sink));
        else TiledProduct.Launch(device, Rows, Shape.Outputs, 1, inFours && Shape.Channels % TiledProduct.Depth == 0, new Product(Shape, Rows, input, weights, sink));
    }

    // The product of patches, which are read where they lie, and weights: a row is a position of a sample, a term is a tap.
    internal readonly struct Product(ConvolutionShape shape, int rows, ArrayView<float> input, ArrayView<float> weights, Biased sink) : IProduct
    {
        public void Run<TSums, TAccess>()
            where TSums : struct, ISums
            where TAccess : struct, IAccess
            => TiledProduct.Run<TSums, TAccess, Patches<TAccess>, Strided<TAccess>, Biased>(TiledProduct.Tile<TSums>(rows, shape.Outputs), new(shape, input), new(weights, shape.Outputs), sink, shape.Taps);
    }

    // The same where a patch is a whole image: a fully connected layer.
    internal readonly struct Dense(int terms, int outputs, int rows, ArrayView<float> input, ArrayView<float> weights, Biased sink) : IProduct
    {
        public void Run<TSums, TAccess>()
            where TSums : struct, ISums
            where TAccess : struct, IAccess
            => TiledProduct.Run<TSums, TAccess, Contiguous<TAccess>, Strided<TAccess>, Biased>(TiledProduct.Tile<TSums>(rows, outputs), new(input, terms), new(weights, outputs), sink, terms);
    }

    internal readonly struct Biased(ArrayView<float> output, ArrayView<float> bias, int outputs, int hasBias) : IProductSink
    {
        public bool Takes(int row) => true;

        public ArrayView<float> Row(int row) => output.SubView((long)row * outputs);

        public float Finish(ArrayView<float> row, int column, float sum)
        {
            if (hasBias != 0) sum = Portable.Add(sum, bias[column]);
            return sum;
        }
    }

    /// <summary>The pixels under the taps of a position, tap after tap, without a division.</summary>
    private struct Patches<TAccess>(ConvolutionShape shape, ArrayView<float> input) : IFactors
        where TAccess : struct, IAccess
    {
        private ArrayView<float> _image;
        private int _left, _x, _y, _channel, _endX;

        public static bool IsInFours => TAccess.IsInFours;

        public static bool AreTerms => true;

        public readonly bool AreThere => (uint)_y < (uint)shape.Height & (uint)_x < (uint)shape.Width;

        private readonly int At => (((_y * shape.Width) + _x) * shape.Channels) + _channel;

        public void Begin(int index, int term)
        {
            int position = index % shape.Positions;
            _image = input.SubView((long)(index / shape.Positions) * shape.InputLength);
            _left = (position % shape.OutputWidth * shape.Stride) - shape.Padding;
            _y = (position / shape.OutputWidth * shape.Stride) - shape.Padding;
            _x = _left;
            _endX = _left + shape.Kernel;
            _channel = 0;
            Skip(term);
        }

        public readonly float Read()
        {
            float pixel = 0;
            if (AreThere) pixel = _image[At];
            return pixel;
        }

        public readonly Four ReadFour(int ahead) => Four.Load(_image, At + ahead);

        public void Skip(int terms)
        {
            _channel += terms;
            while (_channel >= shape.Channels)
            {
                _channel -= shape.Channels;
                _x++;
                if (_x >= _endX)
                {
                    _x = _left;
                    _y++;
                }

                // In fours, sixteen terms are those of one pixel.
                if (IsInFours) break;
            }
        }
    }
}
