using System.Runtime.Intrinsics;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices.Cpu;

public sealed unsafe partial class CpuDevice
{
    public override void MaxPoolForward(in PoolShape shape, int samples, View input, View output)
    {
        Expect(input, (long)samples * shape.InputLength, nameof(input));
        Expect(output, (long)samples * shape.OutputLength, nameof(output));
        switch (NetworkLanes)
        {
            case 16: Pool<Lanes512, Vector512<float>>(shape, samples, input, output); break;
            case 8: Pool<Lanes256, Vector256<float>>(shape, samples, input, output); break;
            case 4: Pool<Lanes128, Vector128<float>>(shape, samples, input, output); break;
            default: Pool<Lanes32, float>(shape, samples, input, output); break;
        }
    }

    public override void MaxPoolBackward(in PoolShape shape, int samples, View input, View output, View outputGradient, View inputGradient)
    {
        Expect(input, (long)samples * shape.InputLength, nameof(input));
        Expect(output, (long)samples * shape.OutputLength, nameof(output));
        Expect(outputGradient, output.Length, nameof(outputGradient));
        Expect(inputGradient, input.Length, nameof(inputGradient));
        switch (NetworkLanes)
        {
            case 16: PoolBackward<Lanes512, Vector512<float>>(shape, samples, input, output, outputGradient, inputGradient); break;
            case 8: PoolBackward<Lanes256, Vector256<float>>(shape, samples, input, output, outputGradient, inputGradient); break;
            case 4: PoolBackward<Lanes128, Vector128<float>>(shape, samples, input, output, outputGradient, inputGradient); break;
            default: PoolBackward<Lanes32, float>(shape, samples, input, output, outputGradient, inputGradient); break;
        }
    }

    public override void SoftmaxCrossEntropy(View logits, ReadOnlySpan<int> labels, int classes, View gradient, View loss)
    {
        Expect(logits, (long)labels.Length * classes, nameof(logits));
        Expect(gradient, logits.Length, nameof(gradient));
        Expect(loss, 1, nameof(loss));
        *Pointer(loss) = Kernels.SoftmaxCrossEntropy.Reference(Span(logits, logits.Length), labels, classes, Span(gradient, gradient.Length));
    }

    private void Pool<TLanes, V>(in PoolShape shape, int samples, View input, View output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        var work = new MaxPool.Forward<TLanes, V> { Shape = shape, Input = Pointer(input), Output = Pointer(output) };
        _team.Run(samples, ref work);
    }

    private void PoolBackward<TLanes, V>(in PoolShape shape, int samples, View input, View output, View outputGradient, View inputGradient)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        var work = new MaxPool.Backward<TLanes, V>
        {
            Shape = shape,
            Input = Pointer(input),
            Output = Pointer(output),
            OutputGradient = Pointer(outputGradient),
            InputGradient = Pointer(inputGradient),
        };
        _team.Run(samples, ref work);
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
