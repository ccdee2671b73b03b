using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class ConvolutionBackwardInput
{
    /// <summary>A row is a pixel, a column is a channel. Tap after tap, the last one first, which is the order of the positions: the product of
    /// what reaches the pixel by this tap and the tap's weights, added where there is such a position.</summary>
    internal static void Kernel(
        ConvolutionShape shape, int rows, ArrayView<float> outputGradient, ArrayView<float> weights, ArrayView<float> inputGradient)
    {
        ArrayView<TiledProduct.Four> leftTile = SharedMemory.Allocate<TiledProduct.Four>(TiledProduct.Rows * 2);
        ArrayView<TiledProduct.Four> rightTile = SharedMemory.Allocate<TiledProduct.Four>(TiledProduct.Columns * 2);
        ArrayView<int> takesPart = SharedMemory.Allocate<int>(TiledProduct.Rows);
        int pixel = (Grid.IdxX * TiledProduct.Rows) + Group.IdxX;
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
                TiledProduct.Contiguous left = new(outputGradient, position * shape.Outputs, 0);
                TiledProduct.Contiguous right = new(weights, ((row * shape.Kernel) + column) * shape.Channels * shape.Outputs, shape.Outputs);
                TiledProduct.Begin(ref left, ref right, rows, shape.Channels);
                TiledProduct.Sums sums = TiledProduct.Chain(ref left, ref right, rows, shape.Channels, shape.Outputs, leftTile, rightTile);
                total.AddWhere(takesPart, sums);
                Group.Barrier();
            }
        }

        TiledProduct.Store(new TiledProduct.Rowwise(inputGradient, 0, shape.Channels), total, rows, shape.Channels);
    }

    /// <summary>A fully connected layer's: the output's gradient times the turned weights. +0 and the sum: only a negative zero is
    /// changed by that.</summary>
    internal static void DenseKernel(
        int terms, int outputs, int rows, ArrayView<float> outputGradient, ArrayView<float> weights, ArrayView<float> inputGradient)
        => TiledProduct.Run(
            new TiledProduct.Contiguous(outputGradient, 0, outputs), new TiledProduct.Contiguous(weights, 0, outputs), new AddedToZero(inputGradient, terms), rows, terms, outputs);

    private readonly struct AddedToZero(ArrayView<float> inputGradient, int stride) : IProductSink
    {
        public void Store(int row, int column, float sum) => inputGradient[(row * stride) + column] = Portable.Add(0f, sum);
    }
}
