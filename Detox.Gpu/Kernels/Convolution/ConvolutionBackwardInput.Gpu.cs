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
        int rows = Samples * Shape.Height * Shape.Width;
        if (Shape.IsDense) device.Launch(TiledProduct.Groups(Samples, Shape.Taps), new DenseKernel(Shape.Taps, Shape.Outputs, Samples, outputGradient, weights, inputGradient));
        else device.Launch(TiledProduct.Groups(rows, Shape.Channels), new Kernel(Shape, rows, outputGradient, weights, inputGradient));
    }

    // A row is a pixel, a column is a channel. Tap after tap, the last one first, which is the order of the positions: the product of
    // what reaches the pixel by this tap and the tap's weights, added where there is such a position.
    internal readonly struct Kernel(ConvolutionShape shape, int rows, ArrayView<float> outputGradient, ArrayView<float> weights, ArrayView<float> inputGradient) : IKernel
    {
        public static int Threads => TiledProduct.Threads;

        public void Run()
        {
            ArrayView<TiledProduct.Four> leftTile = SharedMemory.Allocate<TiledProduct.Four>(TiledProduct.Rows * 2);
            ArrayView<TiledProduct.Four> rightTile = SharedMemory.Allocate<TiledProduct.Four>(TiledProduct.Columns * 2);
            ArrayView<int> takesPart = SharedMemory.Allocate<int>(TiledProduct.Rows);
            ProductTile tile = TiledProduct.Tile(rows, shape.Channels);
            int pixel = tile.FirstRow + Group.IdxX;
            int x = (pixel % shape.Width) + shape.Padding, y = (pixel / shape.Width % shape.Height) + shape.Padding;
            int sample = pixel / shape.Width / shape.Height;
            TiledProduct.Sums total = default;
            for (int row = shape.Kernel - 1; row >= 0; row--)
            {
                for (int column = shape.Kernel - 1; column >= 0; column--)
                {
                    int fromY = y - row, fromX = x - column, oy = fromY / shape.Stride, ox = fromX / shape.Stride;
                    bool reaches = pixel < rows & fromY >= 0 & fromX >= 0 & oy * shape.Stride == fromY & ox * shape.Stride == fromX
                        & oy < shape.OutputHeight & ox < shape.OutputWidth;
                    takesPart[Group.IdxX] = reaches ? 1 : 0;
                    int position = reaches ? (sample * shape.Positions) + (oy * shape.OutputWidth) + ox : 0;
                    TiledProduct.Contiguous left = new(outputGradient.SubView((long)position * shape.Outputs), 0);
                    TiledProduct.Contiguous right = new(weights.SubView(((row * shape.Kernel) + column) * shape.Channels * shape.Outputs), shape.Outputs);
                    TiledProduct.Begin(tile, ref left, ref right);
                    TiledProduct.Sums sums = TiledProduct.Chain(tile, ref left, ref right, shape.Outputs, leftTile, rightTile);
                    total.AddWhere(takesPart, sums);
                    Group.Barrier();
                }
            }

            TiledProduct.Store(tile, new TiledProduct.Rowwise(inputGradient, shape.Channels), total);
        }
    }

    // A fully connected layer's: the output's gradient times the turned weights.
    internal readonly struct DenseKernel(
        int terms, int outputs, int rows, ArrayView<float> outputGradient, ArrayView<float> weights, ArrayView<float> inputGradient) : IKernel
    {
        public static int Threads => TiledProduct.Threads;

        public void Run()
            => TiledProduct.Run(
                TiledProduct.Tile(rows, terms), new TiledProduct.Contiguous(outputGradient, outputs), new TiledProduct.Contiguous(weights, outputs), new AddedToZero(inputGradient, terms), outputs);
    }

    /// <summary>+0 and the sum: only a negative zero is changed by that.</summary>
    private readonly struct AddedToZero(ArrayView<float> inputGradient, int stride) : IProductSink
    {
        public ArrayView<float> Row(int row) => inputGradient.SubView((long)row * stride);

        public float Finish(int column, float sum) => Portable.Add(0f, sum);
    }
}
