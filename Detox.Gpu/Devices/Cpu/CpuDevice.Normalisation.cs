using System.Runtime.Intrinsics;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices.Cpu;

public sealed unsafe partial class CpuDevice
{
    private CpuBuffer? _channelSums;

    public override void BatchNormForward(int channels, View input, View scale, View shift, View statistics, View output, bool rectified)
    {
        int rows = BatchRows(channels, input, output, scale, shift, statistics);
        if (rows == 0) throw NoRows();
        switch (NetworkLanes)
        {
            case 16: Statistics<Lanes512, Vector512<float>>(channels, rows, Pointer(input), Pointer(statistics)); break;
            case 8: Statistics<Lanes256, Vector256<float>>(channels, rows, Pointer(input), Pointer(statistics)); break;
            case 4: Statistics<Lanes128, Vector128<float>>(channels, rows, Pointer(input), Pointer(statistics)); break;
            default: Statistics<Lanes32, float>(channels, rows, Pointer(input), Pointer(statistics)); break;
        }

        BatchNormEvaluate(channels, input, scale, shift, statistics, output, rectified);
    }

    public override void BatchNormEvaluate(int channels, View input, View scale, View shift, View statistics, View output, bool rectified)
    {
        int rows = BatchRows(channels, input, output, scale, shift, statistics);
        switch (NetworkLanes)
        {
            case 16: Normalise<Lanes512, Vector512<float>>(channels, rows, input, scale, shift, statistics, output, rectified); break;
            case 8: Normalise<Lanes256, Vector256<float>>(channels, rows, input, scale, shift, statistics, output, rectified); break;
            case 4: Normalise<Lanes128, Vector128<float>>(channels, rows, input, scale, shift, statistics, output, rectified); break;
            default: Normalise<Lanes32, float>(channels, rows, input, scale, shift, statistics, output, rectified); break;
        }
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
        int rows = BatchRows(channels, input, output, scale, shiftGradient, statistics);
        Expect(outputGradient, input.Length, nameof(outputGradient));
        Expect(scaleGradient, channels, nameof(scaleGradient));
        if (inputGradient is { } wanted) Expect(wanted, input.Length, nameof(inputGradient));
        if (rows == 0) throw NoRows();
        float* rectifiedOutput = rectified ? Pointer(output) : null, to = inputGradient is { } given ? Pointer(given) : null;
        switch (NetworkLanes)
        {
            case 16: NormaliseBackward<Lanes512, Vector512<float>>(channels, rows, input, rectifiedOutput, outputGradient, scale, statistics, to, scaleGradient, shiftGradient); break;
            case 8: NormaliseBackward<Lanes256, Vector256<float>>(channels, rows, input, rectifiedOutput, outputGradient, scale, statistics, to, scaleGradient, shiftGradient); break;
            case 4: NormaliseBackward<Lanes128, Vector128<float>>(channels, rows, input, rectifiedOutput, outputGradient, scale, statistics, to, scaleGradient, shiftGradient); break;
            default: NormaliseBackward<Lanes32, float>(channels, rows, input, rectifiedOutput, outputGradient, scale, statistics, to, scaleGradient, shiftGradient); break;
        }
    }

    private void Statistics<TLanes, V>(int channels, int rows, float* input, float* statistics)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        int chunks = Blocks(rows, BatchNorm.Chunk);
        var work = new BatchNorm.Sums<TLanes, V>
        {
            Channels = channels,
            Rows = rows,
            Input = input,
            Totals = Scratch(ref _channelSums, (long)chunks * channels),
        };
        float* means = statistics, variances = statistics + channels;
        _team.Run(chunks, ref work);
        BatchNorm.Join(channels, chunks, work.Totals, means);
        for (int c = 0; c < channels; c++) means[c] /= rows;
        work.Means = means;
        _team.Run(chunks, ref work);
        BatchNorm.Join(channels, chunks, work.Totals, variances);
        for (int c = 0; c < channels; c++) variances[c] /= rows;
    }

    private void Normalise<TLanes, V>(int channels, int rows, View input, View scale, View shift, View statistics, View output, bool rectified)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        float* scales = Pointer(scale), means = Pointer(statistics), variances = means + channels;
        var work = new BatchNorm.Normalise<TLanes, V>
        {
            Channels = channels,
            Rows = rows,
            Input = Pointer(input),
            Means = means,
            Factors = Scratch(ref _channelSums, channels),
            Shifts = Pointer(shift),
            Output = Pointer(output),
            Rectified = rectified,
        };
        for (int c = 0; c < channels; c++) work.Factors[c] = BatchNorm.Factor(scales[c], variances[c]);
        _team.Run(Blocks(rows, BatchNorm.Block), ref work);
    }

    private void NormaliseBackward<TLanes, V>(
        int channels,
        int rows,
        View input,
        float* rectifiedOutput,
        View outputGradient,
        View scale,
        View statistics,
        float* inputGradient,
        View scaleGradient,
        View shiftGradient)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        int chunks = Blocks(rows, BatchNorm.Chunk);
        float* scales = Pointer(scale), means = Pointer(statistics), variances = means + channels;
        float* scaleGradients = Pointer(scaleGradient), shiftGradients = Pointer(shiftGradient);
        float* factors = Scratch(ref _channelSums, (3L + (2L * chunks)) * channels), levels = factors + channels, slopes = levels + channels;
        var sums = new BatchNorm.BackwardSums<TLanes, V>
        {
            Channels = channels,
            Rows = rows,
            Input = Pointer(input),
            Means = means,
            Output = rectifiedOutput,
            OutputGradient = Pointer(outputGradient),
            Totals = slopes + channels,
            Moments = slopes + channels + ((long)chunks * channels),
        };
        _team.Run(chunks, ref sums);
        BatchNorm.Join(channels, chunks, sums.Totals, shiftGradients);
        BatchNorm.Join(channels, chunks, sums.Moments, scaleGradients);
        for (int c = 0; c < channels; c++)
        {
            factors[c] = BatchNorm.Factor(scales[c], variances[c]);
            (scaleGradients[c], levels[c], slopes[c]) = BatchNorm.BackwardTerms(shiftGradients[c], scaleGradients[c], variances[c], rows);
        }

        if (inputGradient == null) return;
        var work = new BatchNorm.Backward<TLanes, V>
        {
            Channels = channels,
            Rows = rows,
            Input = sums.Input,
            Output = rectifiedOutput,
            OutputGradient = sums.OutputGradient,
            Means = means,
            Factors = factors,
            Levels = levels,
            Slopes = slopes,
            InputGradient = inputGradient,
        };
        _team.Run(Blocks(rows, BatchNorm.Block), ref work);
    }
}
