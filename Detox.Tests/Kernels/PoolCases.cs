using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;
using Detox.Tests.Aggregation;

namespace Detox.Tests.Kernels;

/// <summary>Averages of images and largest values of windows.</summary>
internal static class PoolCases
{
    private static readonly (PoolShape Shape, int Samples)[] _windows =
    [
        .. new PoolShape[] { new(24, 24, 20, 2), new(8, 8, 50, 2), new(5, 7, 3, 2), new(9, 9, 17, 3), new(4, 4, 1, 1) }
            .SelectMany(shape => new[] { (shape, 1), (shape, 3) }),
        (new(4, 6, 3, 2), 2),
        (new(5, 7, 1, 2), 1),
        (new(6, 6, 2, 3), 2),
        (new(7, 2, 3, 4), 2),
        (new(6, 6, 2, 3), 0),
    ];

    private static readonly (int Samples, int Positions, int Channels)[] _images = [(1, 1, 1), (2, 16, 64), (3, 5, 17), (2, 49, 3), (1, 4, 513), (0, 4, 8)];

    public static IEnumerable<OpCase> All() => [.. AveragePools(), .. MaxPools()];

    private static IEnumerable<OpCase> AveragePools()
    {
        foreach ((int samples, int positions, int channels) in _images)
        {
            int inputs = samples * positions * channels, outputs = samples * channels;
            foreach (bool wild in OpCases.Both)
            {
                string what = $"{samples} x {positions} x {channels}{(wild ? ", wild" : "")}";
                yield return new(nameof(AveragePoolForward), what, inputs < 3000, ExactNaN: false, o => o.Device.Run(new AveragePoolForward(samples, positions, channels, o.Values(inputs, 15, wild), o.Unwritten(outputs))));
                yield return new(nameof(AveragePoolBackward), what, inputs < 3000, ExactNaN: false, o => o.Device.Run(new AveragePoolBackward(samples, positions, channels, o.Values(outputs, 16, wild), o.Unwritten(inputs))));
            }
        }
    }

    private static IEnumerable<OpCase> MaxPools()
    {
        foreach ((PoolShape shape, int samples) in _windows)
        {
            int inputs = samples * shape.InputLength, outputs = samples * shape.OutputLength;
            foreach (bool wild in OpCases.Both)
            {
                string what = $"{samples} x {shape.Height} x {shape.Width} x {shape.Channels} by {shape.Window}{(wild ? ", wild" : "")}";

                // Few different values, so that windows hold equal maxima.
                float[] x = wild ? SampleRows.Values(inputs, 17, wild: true) : [.. TestDevices.Random(inputs, 18, 0, 4).Select(MathF.Floor)];
                yield return new(nameof(MaxPoolForward), what, inputs < 1000, ExactNaN: true, o => o.Device.Run(new MaxPoolForward(shape, samples, o.Of(x), o.Unwritten(outputs))));
                yield return new(nameof(MaxPoolBackward), what, inputs < 1000, ExactNaN: true, o =>
                {
                    View input = o.Of(x), output = o.Unwritten(outputs);
                    o.Device.Run(new MaxPoolForward(shape, samples, input, output));
                    o.Device.Run(new MaxPoolBackward(shape, samples, input, output, o.Values(outputs, 19, wild), o.Unwritten(inputs)));
                });
            }
        }
    }
}
