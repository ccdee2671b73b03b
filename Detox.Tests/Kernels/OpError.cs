using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Tests.Kernels;

/// <summary>Operands that do not fit together. They have no memory: nothing may touch it.</summary>
/// <param name="Op">The name of its type.</param>
/// <param name="Says">What the error's message contains.</param>
internal sealed record OpError(string Op, string Says, Action<Device> Run)
{
    private static readonly PoolShape _pool = new(4, 4, 1, 2);

    public static IEnumerable<OpError> All =>
    [
        new(nameof(ReluBackward), "Gradient: a view of 3 floats where 4 are expected", device => device.Run(new ReluBackward(Of(4), Of(3)))),
        new(nameof(Addition), "Left: a view of 3 floats where 4 are expected", device => device.Run(new Addition(Of(3), Of(4), Of(4)))),
        new(nameof(Addition), "Right: a view of 5 floats where 4 are expected", device => device.Run(new Addition(Of(4), Of(5), Of(4)))),
        new(nameof(SgdStep), "Velocity: a view of 3", device => device.Run(new SgdStep(Of(4), Of(3), Of(4), 1, 0, 0))),
        new(nameof(SgdStep), "Gradient: a view of 3", device => device.Run(new SgdStep(Of(4), Of(4), Of(3), 1, 0, 0))),
        new(nameof(MovingAverage), "Values: a view of 3", device => device.Run(new MovingAverage(Of(4), Of(3), 1, 0))),
        new(nameof(FmaChains), "a multiple of 32", device => device.Run(new FmaChains(Of(33), 1))),
        new(nameof(AveragePoolForward), "Input: a view of 23 floats where 24", device => device.Run(new AveragePoolForward(2, 3, 4, Of(23), Of(8)))),
        new(nameof(AveragePoolForward), "Output: a view of 7 floats where 8", device => device.Run(new AveragePoolForward(2, 3, 4, Of(24), Of(7)))),
        new(nameof(AveragePoolBackward), "OutputGradient: a view of 7", device => device.Run(new AveragePoolBackward(2, 3, 4, Of(7), Of(24)))),
        new(nameof(AveragePoolBackward), "InputGradient: a view of 23", device => device.Run(new AveragePoolBackward(2, 3, 4, Of(8), Of(23)))),
        new(nameof(MaxPoolForward), "Input: a view of 31 floats where 32", device => device.Run(new MaxPoolForward(_pool, 2, Of(31), Of(8)))),
        new(nameof(MaxPoolForward), "Output: a view of 9 floats where 8", device => device.Run(new MaxPoolForward(_pool, 2, Of(32), Of(9)))),
        new(nameof(MaxPoolForward), "Window: 0", device => device.Run(new MaxPoolForward(_pool with { Window = 0 }, 2, Of(32), Of(8)))),
        new(nameof(MaxPoolBackward), "Input: a view of 31", device => device.Run(new MaxPoolBackward(_pool, 2, Of(31), Of(8), Of(8), Of(32)))),
        new(nameof(MaxPoolBackward), "Output: a view of 9", device => device.Run(new MaxPoolBackward(_pool, 2, Of(32), Of(9), Of(8), Of(32)))),
        new(nameof(MaxPoolBackward), "OutputGradient: a view of 9", device => device.Run(new MaxPoolBackward(_pool, 2, Of(32), Of(8), Of(9), Of(32)))),
        new(nameof(MaxPoolBackward), "InputGradient: a view of 31", device => device.Run(new MaxPoolBackward(_pool, 2, Of(32), Of(8), Of(8), Of(31)))),
        new(nameof(MaxPoolBackward), "Window: -1", device => device.Run(new MaxPoolBackward(_pool with { Window = -1 }, 2, Of(32), Of(8), Of(8), Of(32)))),
        .. Forward(nameof(BatchNormForward), (device, channels, x, scale, shift, statistics, addend, y) => device.Run(new BatchNormForward(channels, Of(x), Of(scale), Of(shift), Of(statistics), Of(addend), Of(y), false))),
        .. Forward(nameof(BatchNormEvaluate), (device, channels, x, scale, shift, statistics, addend, y) => device.Run(new BatchNormEvaluate(channels, Of(x), Of(scale), Of(shift), Of(statistics), Of(addend), Of(y), false))),
        new(nameof(BatchNormForward), "no rows", device => device.Run(new BatchNormForward(3, Of(0), Of(3), Of(3), Of(6), null, Of(0), false))),
        Backward("no rows", 3, 0, 0, 0, 3, 6, 0, 3, 3),
        Backward("5 channels", 5, 12, 12, 12, 5, 10, 12, 5, 5),
        Backward("Output: a view of 11", 3, 12, 11, 12, 3, 6, 12, 3, 3),
        Backward("OutputGradient: a view of 11", 3, 12, 12, 11, 3, 6, 12, 3, 3),
        Backward("Scale: a view of 4", 3, 12, 12, 12, 4, 6, 12, 3, 3),
        Backward("Statistics: a view of 3", 3, 12, 12, 12, 3, 3, 12, 3, 3),
        Backward("InputGradient: a view of 13", 3, 12, 12, 12, 3, 6, 13, 3, 3),
        Backward("ScaleGradient: a view of 2", 3, 12, 12, 12, 3, 6, 12, 2, 3),
        Backward("ShiftGradient: a view of 2", 3, 12, 12, 12, 3, 6, 12, 3, 2),
        CrossEntropy("Logits: a view of 5 floats where 6", [0, 1, 1], 5, 6, 1),
        CrossEntropy("Gradient: a view of 5 floats where 6", [0, 1, 1], 6, 5, 1),
        CrossEntropy("Loss: a view of 2 floats where 1", [0, 1, 1], 6, 6, 2),
        CrossEntropy("Labels: 2 at 1 where one from 0 to 1", [0, 2, 1], 6, 6, 1),
        CrossEntropy("Labels: -1 at 2", [0, 1, -1], 6, 6, 1),
    ];

    private static View Of(long length) => new(null!, 0, length);

    private delegate void Normalisation(Device device, int channels, int x, int scale, int shift, int statistics, int addend, int y);

    private static OpError[] Forward(string op, Normalisation run) =>
    [
        new(op, "Channels: 0", device => run(device, 0, 12, 0, 0, 0, 12, 12)),
        new(op, "Input: a view of 12 floats, which are no rows of 5 channels", device => run(device, 5, 12, 5, 5, 10, 12, 12)),
        new(op, "Scale: a view of 2 floats where 3", device => run(device, 3, 12, 2, 3, 6, 12, 12)),
        new(op, "Shift: a view of 4 floats where 3", device => run(device, 3, 12, 3, 4, 6, 12, 12)),
        new(op, "Statistics: a view of 3 floats where 6", device => run(device, 3, 12, 3, 3, 3, 12, 12)),
        new(op, "Addend: a view of 11 floats where 12", device => run(device, 3, 12, 3, 3, 6, 11, 12)),
        new(op, "Output: a view of 9 floats where 12", device => run(device, 3, 12, 3, 3, 6, 12, 9)),
        new(op, "Input: 16777217 rows where a batch has at most 16777216", device => run(device, 1, (1 << 24) + 1, 1, 1, 2, 0, 0)),
    ];

    private static OpError Backward(string says, int channels, int x, int y, int dy, int scale, int statistics, int dx, int dScale, int dShift)
        => new(nameof(BatchNormBackward), says, device => device.Run(new BatchNormBackward(
            channels, Of(x), Of(y), Of(dy), Of(scale), Of(statistics), Of(dx), Of(dScale), Of(dShift), false)));

    private static OpError CrossEntropy(string says, int[] labels, int logits, int gradient, int loss)
        => new(nameof(SoftmaxCrossEntropy), says, device => device.Run(new SoftmaxCrossEntropy(Of(logits), labels, 2, Of(gradient), Of(loss))));
}
