using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly partial record struct ConvolutionBackwardInput
{
    public void Run(IlgpuDevice device)
    {
        if (InputGradient.Length == 0) return;
        if (Shape.IsWinograd)
        {
            ByTiles.Run(device);
            return;
        }

        ArrayView<float> outputGradient = IlgpuDevice.Floats(OutputGradient), weights = IlgpuDevice.Floats(Weights), inputGradient = IlgpuDevice.Floats(InputGradient);
        if (Shape.IsDense)
        {
            TiledProduct.Launch(device, Samples, Shape.Taps, 1, new Dense(Shape.Taps, Shape.Outputs, Samples, outputGradient, weights, inputGradient));
            return;
        }

        // The most pixels of one residue.
        int stride = Shape.Stride, rows = Samples * ((Shape.Height + stride - 1) / stride) * ((Shape.Width + stride - 1) / stride);
        TiledProduct.Launch(device, rows, Shape.Channels, stride * stride, new Product(Shape, Samples, rows, outputGradient, weights, inputGradient));
    }

    // A batch is the pixels of one residue by the stride, which the same taps reach; a row is one of them, a column is a channel. Tap after tap,
    // the last one first, which is the order of the positions: the product of what reaches the pixel by this tap and the tap's weights,
    // added where there is such a position.
    internal readonly struct Product(
        ConvolutionShape shape, int samples, int mostRows, ArrayView<float> outputGradient, ArrayView<float> weights, ArrayView<float> inputGradient) : IProduct
    {
        public void Run<TSums>()
            where TSums : struct, ISums<TSums>
        {
            ArrayView<float> leftTile = SharedMemory.Allocate<float>(TiledProduct.LeftFloats), rightTile = SharedMemory.Allocate<float>(TiledProduct.RightFloats);
            ArrayView<int> takesPart = SharedMemory.Allocate<int>(TiledProduct.MostRows);
            ProductTile all = TiledProduct.Tile<TSums>(mostRows, shape.Channels);
            int stride = shape.Stride;
            Residue residue = new(shape, inputGradient, all.Batch / stride, all.Batch % stride);
            ProductTile tile = new(samples * residue.Pixels, shape.Channels, all.FirstRow, all.FirstColumn, all.Batch);
            if (tile.FirstRow >= tile.Rows) return;

            int ownRow = TiledProduct.OwnRow<TSums>(), pixel = tile.FirstRow + ownRow;
            int sample = pixel / residue.Pixels, at = pixel % residue.Pixels;
            int x = (at % residue.Width * stride) + residue.X + shape.Padding, y = (at / residue.Width * stride) + residue.Y + shape.Padding;
            TSums total = default;
            for (int row = Last(residue.Y + shape.Padding); row >= 0; row -= stride)
            {
                for (int column = Last(residue.X + shape.Padding); column >= 0; column -= stride)
                {
                    int fromY = y - row, fromX = x - column, oy = fromY / stride, ox = fromX / stride;
                    bool reaches = pixel < tile.Rows & fromY >= 0 & fromX >= 0 & oy < shape.OutputHeight & ox < shape.OutputWidth;
                    if (Group.IdxX == ownRow) takesPart[ownRow] = reaches ? 1 : 0;
                    int position = reaches ? (sample * shape.Positions) + (oy * shape.OutputWidth) + ox : 0;
                    TiledProduct.Contiguous left = new(outputGradient.SubView((long)position * shape.Outputs), 0);
                    TiledProduct.Contiguous right = new(weights.SubView(((row * shape.Kernel) + column) * shape.Channels * shape.Outputs), shape.Outputs);
                    TSums sums = default;
                    TiledProduct.Begin<TSums, TiledProduct.Contiguous, TiledProduct.Contiguous>(tile, ref left, ref right);
                    TiledProduct.Chain(tile, ref left, ref right, shape.Outputs, leftTile, rightTile, ref sums);
                    total.AddWhere(takesPart, TiledProduct.FirstRow<TSums>(), sums);
                    Group.Barrier();
                }
            }

            TiledProduct.Store(tile, residue, total);
        }

        /// <summary>The last tap, of those one stride apart, that reaches a padded pixel.</summary>
        private int Last(int padded) => shape.Kernel - 1 - ((shape.Kernel - 1 - (padded % shape.Stride) + shape.Stride) % shape.Stride);
    }

    /// <summary>The pixels of images whose places have one remainder by the stride.</summary>
    private readonly struct Residue(ConvolutionShape shape, ArrayView<float> inputGradient, int y, int x) : IProductSink
    {
        public int Y => y;

        public int X => x;

        public int Width => (shape.Width - x + shape.Stride - 1) / shape.Stride;

        /// <summary>Of one image.</summary>
        public int Pixels => (shape.Height - y + shape.Stride - 1) / shape.Stride * Width;

        public ArrayView<float> Row(int row)
        {
            int pixels = Pixels, width = Width, at = row % pixels;
            int pixel = (((at / width * shape.Stride) + y) * shape.Width) + (at % width * shape.Stride) + x;
            return inputGradient.SubView(((long)(row / pixels) * shape.InputLength) + (pixel * shape.Channels));
        }

        public float Finish(int column, float sum) => sum;
    }

    // A fully connected layer's: the output's gradient times the turned weights.
    internal readonly struct Dense(
        int terms, int outputs, int rows, ArrayView<float> outputGradient, ArrayView<float> weights, ArrayView<float> inputGradient) : IProduct
    {
        public void Run<TSums>()
            where TSums : struct, ISums<TSums>
            => TiledProduct.Run<TSums, TiledProduct.Contiguous, TiledProduct.Contiguous, AddedToZero>(
                TiledProduct.Tile<TSums>(rows, terms), new TiledProduct.Contiguous(outputGradient, outputs), new TiledProduct.Contiguous(weights, outputs), new AddedToZero(inputGradient, terms), outputs);
    }

    /// <summary>+0 and the sum: only a negative zero is changed by that.</summary>
    private readonly struct AddedToZero(ArrayView<float> inputGradient, int stride) : IProductSink
    {
        public ArrayView<float> Row(int row) => inputGradient.SubView((long)row * stride);

        public float Finish(int column, float sum) => Portable.Add(0f, sum);
    }
}
