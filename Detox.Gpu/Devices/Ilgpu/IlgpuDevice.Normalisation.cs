using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

public sealed partial class IlgpuDevice
{
    public override void BatchNormForward(int channels, View input, View scale, View shift, View statistics, View output, bool rectified)
    {
        int rows = BatchRows(channels, input, output, scale, shift, statistics);
        if (rows == 0) throw NoRows();
        ArrayView<float> sums = Scratch<float>("channel sums", (long)BatchChunks(rows) * channels), means = Pointer(statistics.Slice(0, channels));
        var mean = Kernel("BatchNormMean", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, int, ArrayView<float>, ArrayView<float>>(BatchNorm.MeanKernel));
        Kernel("BatchNormSum", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, int, ArrayView<float>, ArrayView<float>>(BatchNorm.SumKernel))(
            _stream, Threads(sums.Length), channels, rows, Pointer(input), sums);
        mean(_stream, channels, channels, rows, sums, means);
        Kernel("BatchNormSquares", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>(BatchNorm.SquaresKernel))(
            _stream, Threads(sums.Length), channels, rows, Pointer(input), means, sums);
        mean(_stream, channels, channels, rows, sums, Pointer(statistics.Slice(channels, channels)));
        BatchNormEvaluate(channels, input, scale, shift, statistics, output, rectified);
    }

    public override void BatchNormEvaluate(int channels, View input, View scale, View shift, View statistics, View output, bool rectified)
    {
        if (BatchRows(channels, input, output, scale, shift, statistics) == 0) return;
        Kernel(nameof(BatchNormEvaluate), () => _accelerator.LoadAutoGroupedKernel<Index1D, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>(BatchNorm.NormaliseKernel))(
            _stream, Threads(input.Length), channels, rectified ? 1 : 0, Pointer(input), Pointer(statistics.Slice(0, channels)), Factors(channels, scale, statistics), Pointer(shift), Pointer(output));
    }

    public override void BatchNormBackward(
        int channels,
        View input,
        View output,
        View outputGradient,
        View scale,
        View statistics,
        View? inputGradient,
        View scaleGradient,
        View shiftGradient,
        bool rectified)
    {
        int rows = BatchRows(channels, input, output, scale, shiftGradient, statistics), mask = rectified ? 1 : 0;
        Expect(outputGradient, input.Length, nameof(outputGradient));
        Expect(scaleGradient, channels, nameof(scaleGradient));
        if (inputGradient is { } wanted) Expect(wanted, input.Length, nameof(inputGradient));
        if (rows == 0) throw NoRows();
        long length = (long)BatchChunks(rows) * channels;
        ArrayView<float> sums = Scratch<float>("channel sums", length), moments = Scratch<float>("channel moments", length);
        ArrayView<float> levels = Scratch<float>("channel levels", channels), slopes = Scratch<float>("channel slopes", channels);
        ArrayView<float> means = Pointer(statistics.Slice(0, channels)), variances = Pointer(statistics.Slice(channels, channels));
        Kernel("BatchNormBackwardSum", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>(BatchNorm.BackwardSumKernel))(
            _stream, Threads(length), channels, rows, mask, Pointer(input), Pointer(output), Pointer(outputGradient), means, sums, moments);
        Kernel("BatchNormBackwardTerms", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>(BatchNorm.BackwardTermsKernel))(
            _stream, channels, channels, rows, sums, moments, variances, Pointer(scaleGradient), Pointer(shiftGradient), levels, slopes);
        if (inputGradient is not { } to) return;
        Kernel(nameof(BatchNormBackward), () => _accelerator.LoadAutoGroupedKernel<Index1D, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>(BatchNorm.BackwardKernel))(
            _stream, Threads(input.Length), channels, mask, Pointer(input), Pointer(output), Pointer(outputGradient), means, Factors(channels, scale, statistics), levels, slopes, Pointer(to));
    }

    private static int BatchChunks(int rows) => (rows + BatchNorm.Chunk - 1) / BatchNorm.Chunk;

    private ArrayView<float> Factors(int channels, View scale, View statistics)
    {
        ArrayView<float> factors = Scratch<float>("channel factors", channels);
        Kernel("BatchNormFactor", () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, ArrayView<float>, ArrayView<float>>(BatchNorm.FactorKernel))(
            _stream, channels, Pointer(scale), Pointer(statistics.Slice(channels, channels)), factors);
        return factors;
    }
}
