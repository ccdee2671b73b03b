using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

public sealed partial class IlgpuDevice
{
    public override void ConvolutionForward(in ConvolutionShape shape, int samples, View input, View weights, View? bias, View output)
    {
        Expect(input, (long)samples * shape.InputLength, nameof(input));
        Expect(weights, shape.WeightLength, nameof(weights));
        if (bias is { } given) Expect(given, shape.Outputs, nameof(bias));
        Expect(output, (long)samples * shape.OutputLength, nameof(output));
        if (output.Length == 0) return;
        if (shape.IsWinograd)
        {
            WinogradForward(shape, samples, input, weights, turned: false, bias, output);
            return;
        }

        int rows = checked(samples * shape.Positions), hasBias = bias is null ? 0 : 1;
        KernelConfig groups = TiledProduct.Groups(rows, shape.Outputs);
        if (shape.IsDense)
        {
            Kernel("DenseForward", () => _accelerator.LoadKernel<int, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, ArrayView<float>>(Kernels.ConvolutionForward.DenseKernel))(
                _stream, groups, shape.Taps, shape.Outputs, rows, Pointer(input), Pointer(weights), Pointer(bias ?? weights), hasBias, Pointer(output));
            return;
        }

        Kernel(nameof(ConvolutionForward), () => _accelerator.LoadKernel<ConvolutionShape, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, ArrayView<float>>(Kernels.ConvolutionForward.Kernel))(
            _stream, groups, shape, rows, Pointer(input), Pointer(weights), Pointer(bias ?? weights), hasBias, Pointer(output));
    }

    public override void ConvolutionBackwardInput(in ConvolutionShape shape, int samples, View outputGradient, View weights, View inputGradient)
    {
        Expect(outputGradient, (long)samples * shape.OutputLength, nameof(outputGradient));
        Expect(weights, shape.WeightLength, nameof(weights));
        Expect(inputGradient, (long)samples * shape.InputLength, nameof(inputGradient));
        if (inputGradient.Length == 0) return;
        if (shape.IsWinograd)
        {
            WinogradForward(Winograd.Turned(shape), samples, outputGradient, weights, turned: true, null, inputGradient);
            return;
        }

        if (shape.IsDense)
        {
            Kernel("DenseBackwardInput", () => _accelerator.LoadKernel<int, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>(Kernels.ConvolutionBackwardInput.DenseKernel))(
                _stream, TiledProduct.Groups(samples, shape.Taps), shape.Taps, shape.Outputs, samples, Pointer(outputGradient), Pointer(weights), Pointer(inputGradient));
            return;
        }

        int rows = checked(samples * shape.Height * shape.Width);
        Kernel(nameof(ConvolutionBackwardInput), () => _accelerator.LoadKernel<ConvolutionShape, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>(Kernels.ConvolutionBackwardInput.Kernel))(
            _stream, TiledProduct.Groups(rows, shape.Channels), shape, rows, Pointer(outputGradient), Pointer(weights), Pointer(inputGradient));
    }

    public override void ConvolutionBackwardWeights(
        in ConvolutionShape shape, int samples, View input, View outputGradient, View weightsGradient, View? biasGradient)
    {
        Expect(input, (long)samples * shape.InputLength, nameof(input));
        Expect(outputGradient, (long)samples * shape.OutputLength, nameof(outputGradient));
        Expect(weightsGradient, shape.WeightLength, nameof(weightsGradient));
        if (biasGradient is { } given) Expect(given, shape.Outputs, nameof(biasGradient));
        int positions = samples * shape.Positions;
        int chunks = (positions + Kernels.ConvolutionBackwardWeights.Chunk - 1) / Kernels.ConvolutionBackwardWeights.Chunk;
        if (chunks == 0)
        {
            Run(new Fill(weightsGradient, 0));
            if (biasGradient is { } empty) Run(new Fill(empty, 0));
            return;
        }

        if (shape.IsWinograd) WinogradBackwardWeights(shape, samples, input, outputGradient, weightsGradient);
        else ChunkedBackwardWeights(shape, positions, chunks, input, outputGradient, weightsGradient);
        if (biasGradient is not { } bias) return;
        ArrayView<float> biasSums = Scratch<float>("bias chunks", (long)chunks * shape.Outputs);
        Kernel("BiasChunks", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, int, ArrayView<float>, ArrayView<float>>(Kernels.ConvolutionBackwardWeights.BiasChunkKernel))(
            _stream, Threads(biasSums.Length), shape.Outputs, positions, Pointer(outputGradient), biasSums);
        AddChunks()(_stream, Threads(bias.Length), chunks, biasSums, Pointer(bias));
    }

    private void ChunkedBackwardWeights(in ConvolutionShape shape, int positions, int chunks, View input, View outputGradient, View weightsGradient)
    {
        ArrayView<float> sums = Scratch<float>("chunks", chunks * weightsGradient.Length);
        Kernel(nameof(ConvolutionBackwardWeights), () => _accelerator.LoadKernel<ConvolutionShape, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>(Kernels.ConvolutionBackwardWeights.ChunkKernel))(
            _stream, TiledProduct.Groups(shape.Taps, shape.Outputs, chunks), shape, positions, Pointer(input), Pointer(outputGradient), sums);
        AddChunks()(_stream, Threads(weightsGradient.Length), chunks, sums, Pointer(weightsGradient));
    }

    private Action<AcceleratorStream, Index1D, int, ArrayView<float>, ArrayView<float>> AddChunks()
        => Kernel("AddChunks", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, ArrayView<float>, ArrayView<float>>(Kernels.ConvolutionBackwardWeights.AddKernel));

    public override void MatrixMultiply(int m, int n, int k, View left, View right, View result)
        => ConvolutionForward(ConvolutionShape.Linear(k, n), m, left, right, null, result);
}
