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
        bool inFours = TiledProduct.LiesInFours(OutputGradient, Shape.Outputs) && TiledProduct.LiesInFours(Weights, Shape.Outputs) && TiledProduct.LiesInFours(InputGradient, Shape.Channels);
        if (Shape.IsDense)
        {
            TiledProduct.Launch(device, Samples, Shape.Taps, 1, inFours, new Dense(Shape.Taps, Shape.Outputs, Samples, outputGradient, weights, inputGradient));
            return;
        }

        // The most pixels of one residue.
        int stride = Shape.Stride, rows = Samples * ((Shape.Height + stride - 1) / stride) * ((Shape.Width + stride - 1) / stride);
        TiledProduct.Launch(device, rows, Shape.Channels, stride * stride, inFours, new Product(Shape, Samples, rows, outputGradient, weights, inputGradient));
    }

    // A batch is the pixels of one residue by the stride, which the same taps reach; a row is one of them, a column is a channel. Tap after tap,
    // the last one first, which is the order of the positions: the product of what reaches the pixel by this tap and the tap's weights,
    // added where there is such a position.
    internal readonly struct Product(
        ConvolutionShape shape, int samples, int mostRows, ArrayView<float> outputGradient, ArrayView<float> weights, ArrayView<float> inputGradient) : IProduct
    {
        public void Run<TSums, TAccess>()
            where TSums : struct, ISums
            where TAccess : struct, IAccess
        {
            ArrayView<float> memory = TiledProduct.Memory<TSums>();
            ArrayView<int> places = SharedMemory.Allocate<int>(TiledProduct.MostRows);
            ProductTile all = TiledProduct.Tile<TSums>(mostRows, shape.Channels);
            int stride = shape.Stride, firstY = all.Batch / stride, firstX = all.Batch % stride;
            int width = (shape.Width - firstX + stride - 1) / stride, pixels = (shape.Height - firstY + stride - 1) / stride * width;
            ProductTile tile = new(samples * pixels, shape.Channels, all.FirstRow, all.FirstColumn, all.Batch);
            if (tile.FirstRow >= tile.Rows) return;

            int ownRow = Group.IdxX & (TSums.Height - 1), row = tile.FirstRow + ownRow, sample = row / pixels;
            int y = (row % pixels / width * stride) + firstY, x = (row % pixels % width * stride) + firstX;
            int place = (((sample * shape.Height) + y) * shape.Width) + x;
            Pixels sink = new(places, tile.FirstRow, shape.Channels, inputGradient);
            if (Group.IdxX == ownRow) places[ownRow] = place;
            Group.Barrier();
            TiledProduct.Store<TSums, TAccess, Pixels>(tile, sink, default);
            for (int tapY = Last(firstY + shape.Padding); tapY >= 0; tapY -= stride)
            {
                for (int tapX = Last(firstX + shape.Padding); tapX >= 0; tapX -= stride)
                {
                    int fromY = y + shape.Padding - tapY, fromX = x + shape.Padding - tapX, oy = fromY / stride, ox = fromX / stride;
                    bool reaches = row < tile.Rows & fromY >= 0 & fromX >= 0 & oy < shape.OutputHeight & ox < shape.OutputWidth;
                    int position = reaches ? (sample * shape.Positions) + (oy * shape.OutputWidth) + ox : 0;
                    Contiguous<TAccess> left = new(outputGradient.SubView((long)position * shape.Outputs), 0);
                    Contiguous<TAccess> right = new(weights.SubView(((tapY * shape.Kernel) + tapX) * shape.Channels * shape.Outputs), shape.Outputs);
                    TSums sums = default;
                    Group.Barrier();
                    if (Group.IdxX == ownRow) places[ownRow] = reaches ? place : -1;
                    TiledProduct.Chain<TSums, TAccess, Contiguous<TAccess>, Contiguous<TAccess>>(tile, ref left, ref right, shape.Outputs, memory, ref sums);
                    TiledProduct.Store<TSums, TAccess, Adding>(tile, new(sink), sums);
                }
            }
        }

        /// <summary>The last tap, of those one stride apart, that reaches a padded pixel.</summary>
        private int Last(int padded) => shape.Kernel - 1 - ((shape.Kernel - 1 - (padded % shape.Stride) + shape.Stride) % shape.Stride);
    }

    /// <summary>The pixels of a tile's rows.</summary>
    /// <param name="places">Their numbers among all pixels; less than 0 where a row has none.</param>
    private readonly struct Pixels(ArrayView<int> places, int firstRow, int channels, ArrayView<float> inputGradient) : IProductSink
    {
        public bool Takes(int row) => places[row - firstRow] >= 0;

        public ArrayView<float> Row(int row) => inputGradient.SubView((long)places[row - firstRow] * channels);

        public float Finish(ArrayView<float> row, int column, float sum) => sum;
    }

    /// <summary>Adds to what the pixels hold.</summary>
    private readonly struct Adding(Pixels pixels) : IProductSink
    {
        public bool Takes(int row) => pixels.Takes(row);

        public ArrayView<float> Row(int row) => pixels.Row(row);

        public float Finish(ArrayView<float> row, int column, float sum) => Portable.Add(row[column], sum);
    }

    // A fully connected layer's: the output's gradient times the turned weights.
    internal readonly struct Dense(
        int terms, int outputs, int rows, ArrayView<float> outputGradient, ArrayView<float> weights, ArrayView<float> inputGradient) : IProduct
    {
        public void Run<TSums, TAccess>()
            where TSums : struct, ISums
            where TAccess : struct, IAccess
            => TiledProduct.Run<TSums, TAccess, Contiguous<TAccess>, Contiguous<TAccess>, AddedToZero>(
                TiledProduct.Tile<TSums>(rows, terms), new(outputGradient, outputs), new(weights, outputs), new(inputGradient, terms), outputs);
    }

    /// <summary>+0 and the sum: only a negative zero is changed by that.</summary>
    private readonly struct AddedToZero(ArrayView<float> inputGradient, int stride) : IProductSink
    {
        public bool Takes(int row) => true;

        public ArrayView<float> Row(int row) => inputGradient.SubView((long)row * stride);

        public float Finish(ArrayView<float> row, int column, float sum) => Portable.Add(0f, sum);
    }
}
