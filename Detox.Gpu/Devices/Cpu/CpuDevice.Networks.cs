using System.Runtime.Intrinsics;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices.Cpu;

public sealed unsafe partial class CpuDevice
{
    // Kept from call to call; the largest op of a network decides their size.
    private CpuBuffer? _padded;
    private CpuBuffer? _panels;
    private long[] _runOffsets = [];
    private int[] _runLengths = [];
    private int[] _firstRuns = [];

    public override void ConvolutionForward(in ConvolutionShape shape, int samples, View input, View weights, View? bias, View output)
    {
        Expect(input, (long)samples * shape.InputLength, nameof(input));
        Expect(weights, shape.WeightLength, nameof(weights));
        if (bias is { } given) Expect(given, shape.Outputs, nameof(bias));
        Expect(output, (long)samples * shape.OutputLength, nameof(output));
        if (samples == 0) return;
        float* images = Pointer(input);
        float* biases = bias is { } some ? Pointer(some) : null;
        switch (NetworkLanes)
        {
            case 16: Forward<Lanes512, Vector512<float>>(shape, samples, images, Pointer(weights), biases, Pointer(output)); break;
            case 8: Forward<Lanes256, Vector256<float>>(shape, samples, images, Pointer(weights), biases, Pointer(output)); break;
            case 4: Forward<Lanes128, Vector128<float>>(shape, samples, images, Pointer(weights), biases, Pointer(output)); break;
            default: Forward<Lanes32, float>(shape, samples, images, Pointer(weights), biases, Pointer(output)); break;
        }
    }

    public override void ConvolutionBackwardInput(in ConvolutionShape shape, int samples, View outputGradient, View weights, View inputGradient)
    {
        Expect(outputGradient, (long)samples * shape.OutputLength, nameof(outputGradient));
        Expect(weights, shape.WeightLength, nameof(weights));
        Expect(inputGradient, (long)samples * shape.InputLength, nameof(inputGradient));
        if (samples == 0) return;
        switch (NetworkLanes)
        {
            case 16: BackwardInput<Lanes512, Vector512<float>>(shape, samples, Pointer(outputGradient), Pointer(weights), Pointer(inputGradient)); break;
            case 8: BackwardInput<Lanes256, Vector256<float>>(shape, samples, Pointer(outputGradient), Pointer(weights), Pointer(inputGradient)); break;
            case 4: BackwardInput<Lanes128, Vector128<float>>(shape, samples, Pointer(outputGradient), Pointer(weights), Pointer(inputGradient)); break;
            default: BackwardInput<Lanes32, float>(shape, samples, Pointer(outputGradient), Pointer(weights), Pointer(inputGradient)); break;
        }
    }

    public override void ConvolutionBackwardWeights(
        in ConvolutionShape shape, int samples, View input, View outputGradient, View weightsGradient, View? biasGradient)
    {
        Expect(input, (long)samples * shape.InputLength, nameof(input));
        Expect(outputGradient, (long)samples * shape.OutputLength, nameof(outputGradient));
        Expect(weightsGradient, shape.WeightLength, nameof(weightsGradient));
        if (biasGradient is { } given) Expect(given, shape.Outputs, nameof(biasGradient));
        if (samples == 0)
        {
            Run(new Fill(weightsGradient, 0));
            if (biasGradient is { } empty) Run(new Fill(empty, 0));
            return;
        }

        float* images = Pointer(input);
        float* biases = biasGradient is { } some ? Pointer(some) : null;
        switch (NetworkLanes)
        {
            case 16: BackwardWeights<Lanes512, Vector512<float>>(shape, samples, images, Pointer(outputGradient), Pointer(weightsGradient), biases); break;
            case 8: BackwardWeights<Lanes256, Vector256<float>>(shape, samples, images, Pointer(outputGradient), Pointer(weightsGradient), biases); break;
            case 4: BackwardWeights<Lanes128, Vector128<float>>(shape, samples, images, Pointer(outputGradient), Pointer(weightsGradient), biases); break;
            default: BackwardWeights<Lanes32, float>(shape, samples, images, Pointer(outputGradient), Pointer(weightsGradient), biases); break;
        }
    }

    public override void MatrixMultiply(int m, int n, int k, View left, View right, View result)
        => ConvolutionForward(ConvolutionShape.Linear(k, n), m, left, right, null, result);

    /// <summary>The images with their padding around them; where there is none, the images themselves.</summary>
    private float* Padded(in ConvolutionShape shape, int samples, float* images)
    {
        if (shape.Padding == 0) return images;
        var pad = new ConvolutionForward.Pad { Shape = shape, Images = images, Padded = Scratch(ref _padded, (long)samples * shape.PaddedLength) };
        _team.Run(samples, ref pad);
        return pad.Padded;
    }

    private float* PackedPanels<TLanes, V>(float* matrix, int terms, int columns, long stepTerm, long stepColumn)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        var pack = new ConvolutionForward.Pack<TLanes, V>
        {
            Matrix = matrix,
            Panels = Scratch(ref _panels, Panels<TLanes, V>.Length(terms, columns)),
            Terms = terms,
            Columns = columns,
            StepTerm = stepTerm,
            StepColumn = stepColumn,
        };
        _team.Run(Panels<TLanes, V>.Count(columns), ref pack);
        return pack.Panels;
    }

    private void Forward<TLanes, V>(in ConvolutionShape shape, int samples, float* images, float* weights, float* bias, float* output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        if (shape.IsWinograd)
        {
            WinogradForward<TLanes, V>(shape, samples, images, weights, isTurned: false, bias, output);
            return;
        }

        var work = new ConvolutionForward.Cpu<TLanes, V>
        {
            Shape = shape,
            Images = Padded(shape, samples, images),
            Weights = weights,
            Bias = bias,
            Output = output,
            Rows = samples * shape.Positions,
        };
        if (!work.IsOneBlock) work.Panels = PackedPanels<TLanes, V>(weights, shape.Taps, shape.Outputs, shape.Outputs, 1);
        _team.Run(work.Pieces, ref work);
    }

    private void BackwardInput<TLanes, V>(in ConvolutionShape shape, int samples, float* outputGradient, float* weights, float* inputGradient)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        if (shape.IsWinograd)
        {
            WinogradForward<TLanes, V>(Winograd.Turned(shape), samples, outputGradient, weights, isTurned: true, null, inputGradient);
            return;
        }

        if (shape.IsDense)
        {
            var dense = new ConvolutionBackwardInput.Dense<TLanes, V>
            {
                Shape = shape,
                OutputGradient = outputGradient,
                Weights = weights,
                InputGradient = inputGradient,
                Samples = samples,
            };
            if (!dense.IsOneBlock) dense.Panels = TurnedPanels<TLanes, V>(shape, weights);
            _team.Run(dense.Pieces, ref dense);
            return;
        }

        var work = new ConvolutionBackwardInput.Cpu<TLanes, V>
        {
            Shape = shape,
            OutputGradient = outputGradient,
            Panels = TurnedPanels<TLanes, V>(shape, weights),
            InputGradient = inputGradient,
        };
        _team.Run(samples, ref work);
    }

    /// <summary>The weights the other way round: a term is an output, a column is a tap.</summary>
    private float* TurnedPanels<TLanes, V>(in ConvolutionShape shape, float* weights)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        => PackedPanels<TLanes, V>(weights, shape.Outputs, shape.Taps, 1, shape.Outputs);

    private void BackwardWeights<TLanes, V>(
        in ConvolutionShape shape, int samples, float* images, float* outputGradient, float* weightsGradient, float* biasGradient)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        if (shape.IsWinograd)
        {
            WinogradBackwardWeights<TLanes, V>(shape, samples, images, outputGradient, weightsGradient, biasGradient);
            return;
        }

        int positions = samples * shape.Positions;
        int runs = Kernels.ConvolutionBackwardWeights.Parts.MostRuns(shape, samples), chunkCount = Kernels.ConvolutionBackwardWeights.Parts.ChunkCount(shape, samples);
        Grow(ref _runOffsets, runs);
        Grow(ref _runLengths, runs);
        Grow(ref _firstRuns, Kernels.ConvolutionBackwardWeights.Parts.PartCount(shape, samples) + 1);
        ConvolutionBackwardWeights.Parts parts = new() { Offsets = Address(_runOffsets), Lengths = Address(_runLengths), FirstRun = Address(_firstRuns) };
        parts.Fill(shape, samples);

        var pack = new ConvolutionBackwardWeights.Pack<TLanes, V>
        {
            OutputGradient = outputGradient,
            Panels = Scratch(ref _panels, Panels<TLanes, V>.Length(positions, shape.Outputs)),
            Outputs = shape.Outputs,
            Positions = positions,
        };
        int panelCount = Panels<TLanes, V>.Count(shape.Outputs);
        _team.Run(chunkCount * panelCount, ref pack);

        int share = ((shape.Taps / Threads) + 23) / 24 * 24;
        var work = new ConvolutionBackwardWeights.Cpu<TLanes, V>
        {
            Shape = shape,
            Images = Padded(shape, samples, images),
            Panels = pack.Panels,
            Parts = parts,
            WeightsGradient = weightsGradient,
            Positions = positions,
            TapBlock = Math.Clamp(share, 24, Panels<TLanes, V>.RowBlock),
        };
        _team.Run(work.Pieces, ref work);
        if (biasGradient == null) return;

        var bias = new ConvolutionBackwardWeights.Bias<TLanes, V>
        {
            Panels = pack.Panels,
            BiasGradient = biasGradient,
            Outputs = shape.Outputs,
            Positions = positions,
        };
        _team.Run(panelCount, ref bias);
    }

    private static float* Scratch(ref CpuBuffer? buffer, long length)
    {
        if (buffer is null || buffer.Length < length)
        {
            buffer?.Dispose();
            buffer = new CpuBuffer(length);
        }

        return buffer.Pointer;
    }
}
