using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

public sealed partial class IlgpuDevice
{
    /// <summary>The forward of <see cref="Winograd"/>; with turned weights the backward of the input.</summary>
    private void WinogradForward(in ConvolutionShape shape, int samples, View input, View weights, bool turned, View? bias, View output)
    {
        int tiles = samples * Winograd.Tiles(shape), pairs = shape.Channels * shape.Outputs;
        ArrayView<float> data = WinogradData(shape, tiles, input);
        ArrayView<float> kernels = Scratch<float>("winograd kernels", (long)Winograd.Places * pairs);
        ArrayView<float> products = Scratch<float>("winograd products", (long)Winograd.Places * tiles * shape.Outputs);
        Kernel("WinogradKernels", () => _accelerator.LoadAutoGroupedKernel<Index1D, ConvolutionShape, int, ArrayView<float>, ArrayView<float>>(Winograd.KernelsKernel))(
            _stream, pairs, shape, turned ? 1 : 0, Pointer(weights), kernels);
        Kernel("WinogradProduct", () => _accelerator.LoadKernel<int, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>(Winograd.ProductKernel))(
            _stream, TiledProduct.Groups(tiles, shape.Outputs, Winograd.Places), tiles, shape.Channels, shape.Outputs, data, kernels, products);
        Kernel("WinogradOutput", () => _accelerator.LoadAutoGroupedKernel<Index1D, ConvolutionShape, ArrayView<float>, ArrayView<float>, int, ArrayView<float>>(Winograd.OutputKernel))(
            _stream, tiles * shape.Outputs, shape, products, Pointer(bias ?? weights), bias is null ? 0 : 1, Pointer(output));
    }

    private void WinogradBackwardWeights(in ConvolutionShape shape, int samples, View input, View outputGradient, View weightsGradient)
    {
        int tiles = samples * Winograd.Tiles(shape), pairs = shape.Channels * shape.Outputs, chunks = (tiles + Winograd.Chunk - 1) / Winograd.Chunk;
        ArrayView<float> data = WinogradData(shape, tiles, input);
        ArrayView<float> gradients = Scratch<float>("winograd gradients", (long)Winograd.Places * tiles * shape.Outputs);
        ArrayView<float> sums = Scratch<float>("chunks", (long)chunks * Winograd.Places * pairs), total = Scratch<float>("winograd sums", (long)Winograd.Places * pairs);
        Kernel("WinogradGradient", () => _accelerator.LoadAutoGroupedKernel<Index1D, ConvolutionShape, ArrayView<float>, ArrayView<float>>(Winograd.GradientKernel))(
            _stream, tiles * shape.Outputs, shape, Pointer(outputGradient), gradients);
        Kernel("WinogradChunks", () => _accelerator.LoadKernel<int, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>(Winograd.ChunkKernel))(
            _stream, TiledProduct.Groups(shape.Channels, shape.Outputs, chunks * Winograd.Places), tiles, shape.Channels, shape.Outputs, data, gradients, sums);
        AddChunks()(_stream, Threads(total.Length), chunks, sums, total);
        Kernel("WinogradKernelGradient", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, ArrayView<float>, ArrayView<float>>(Winograd.KernelGradientKernel))(
            _stream, pairs, pairs, total, Pointer(weightsGradient));
    }

    private ArrayView<float> WinogradData(in ConvolutionShape shape, int tiles, View input)
    {
        ArrayView<float> data = Scratch<float>("winograd data", checked((int)((long)Winograd.Places * tiles * shape.Channels)));
        Kernel("WinogradData", () => _accelerator.LoadAutoGroupedKernel<Index1D, ConvolutionShape, ArrayView<float>, ArrayView<float>>(Winograd.DataKernel))(
            _stream, tiles * shape.Channels, shape, Pointer(input), data);
        return data;
    }
}
