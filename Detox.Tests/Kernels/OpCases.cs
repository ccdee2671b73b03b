using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Tests.Kernels;

/// <summary>Cases of every op: each shape at which its code takes another way, with ordinary values and with wild ones.</summary>
internal static class OpCases
{
    private static readonly bool[] _both = [false, true];

    /// <summary>None, a part of a vector, whole ones and a rest, whole blocks and a rest.</summary>
    private static readonly int[] _lengths = [0, 1, 7, 8, 9, 33, 130, 257, 16_384, 32_771, 40_001];

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

    /// <summary>Rows that end within a chunk, with one and one behind one; channels of part of a vector, whole ones and a rest; more
    /// chunks than are added at once; more rows than the most blocks of the least length.</summary>
    private static readonly (int Rows, int Channels)[] _batches =
    [
        (1, 1),
        (1, 5),
        (2, 3),
        (7, 17),
        (BatchNorm.Chunk + 2, 2),
        (BatchNorm.Chunk, 8),
        (BatchNorm.Chunk + 1, 65),
        ((2 * BatchNorm.Chunk) - 1, 64),
        ((3 * BatchNorm.Chunk) + 5, 3),
        ((9 * BatchNorm.Chunk) + 77, 33),
        ((520 * BatchNorm.Chunk) + 3, 32),
    ];

    public static IReadOnlyList<OpCase> All { get; } =
    [
        .. Elementwise(), .. AveragePools(), .. MaxPools(), .. BatchNorms(), .. CrossEntropies(),
    ];

    public static IEnumerable<string> Ops => All.Select(one => one.Op).Distinct();

    private static IEnumerable<OpCase> Elementwise()
    {
        foreach (int length in _lengths)
        {
            bool tiny = length <= 257;
            string floats = $"{length} floats";
            yield return new(nameof(Fill), floats, tiny, Chooses: true, o => o.Device.Run(new Fill(o.Wild(length, 1), -0f)));
            yield return new(nameof(ReluForward), floats, tiny, Chooses: true, o => o.Device.Run(new ReluForward(o.Wild(length, 2))));
            yield return new(nameof(ReluBackward), floats, tiny, Chooses: true, o => o.Device.Run(new ReluBackward(o.Wild(length, 3), o.Wild(length, 4))));
            int chains = length / 7 * FmaChains.ThreadChains;
            foreach (bool wild in _both)
            {
                string values = wild ? $"{floats}, wild" : floats;
                yield return new(nameof(SgdStep), values, tiny, Chooses: false, o => o.Device.Run(new SgdStep(o.Values(length, 5, wild), o.Values(length, 6, wild), o.Values(length, 7, wild), 0.1f, 0.9f, 5e-4f)));
                yield return new(nameof(MovingAverage), values, tiny, Chooses: false, o => o.Device.Run(new MovingAverage(o.Values(length, 8, wild), o.Values(length, 9, wild), 32f / 31, 0.1f)));
                yield return new(nameof(FmaChains), $"{chains} floats", tiny, Chooses: false, o => o.Device.Run(new FmaChains(o.Values(chains, 10, wild), 5)));
                foreach (bool rectified in _both)
                {
                    string sums = rectified ? $"{values}, rectified" : values;
                    yield return new(nameof(Addition), sums, tiny, Chooses: false, o => o.Device.Run(new Addition(o.Values(length, 11, wild), o.Values(length, 12, wild), o.Unwritten(length), rectified)));
                    yield return new(nameof(Addition), $"{sums}, in place", tiny, Chooses: false, o =>
                    {
                        View left = o.Values(length, 13, wild);
                        o.Device.Run(new Addition(left, o.Values(length, 14, wild), left, rectified));
                    });
                }
            }
        }
    }

    private static IEnumerable<OpCase> AveragePools()
    {
        foreach ((int samples, int positions, int channels) in _images)
        {
            int inputs = samples * positions * channels, outputs = samples * channels;
            foreach (bool wild in _both)
            {
                string what = $"{samples} x {positions} x {channels}{(wild ? ", wild" : "")}";
                yield return new(nameof(AveragePoolForward), what, inputs < 3000, Chooses: false, o => o.Device.Run(new AveragePoolForward(samples, positions, channels, o.Values(inputs, 15, wild), o.Unwritten(outputs))));
                yield return new(nameof(AveragePoolBackward), what, inputs < 3000, Chooses: false, o => o.Device.Run(new AveragePoolBackward(samples, positions, channels, o.Values(outputs, 16, wild), o.Unwritten(inputs))));
            }
        }
    }

    private static IEnumerable<OpCase> MaxPools()
    {
        foreach ((PoolShape shape, int samples) in _windows)
        {
            int inputs = samples * shape.InputLength, outputs = samples * shape.OutputLength;
            foreach (bool wild in _both)
            {
                string what = $"{samples} x {shape.Height} x {shape.Width} x {shape.Channels} by {shape.Window}{(wild ? ", wild" : "")}";

                // Few different values, so that windows hold equal maxima.
                float[] x = wild ? Aggregation.SampleRows.Values(inputs, 17, wild: true) : [.. TestDevices.Random(inputs, 18, 0, 4).Select(MathF.Floor)];
                yield return new(nameof(MaxPoolForward), what, inputs < 1000, Chooses: true, o => o.Device.Run(new MaxPoolForward(shape, samples, o.Of(x), o.Unwritten(outputs))));
                yield return new(nameof(MaxPoolBackward), what, inputs < 1000, Chooses: true, o =>
                {
                    View input = o.Of(x), output = o.Unwritten(outputs);
                    o.Device.Run(new MaxPoolForward(shape, samples, input, output));
                    o.Device.Run(new MaxPoolBackward(shape, samples, input, output, o.Values(outputs, 19, wild), o.Unwritten(inputs)));
                });
            }
        }
    }

    private static IEnumerable<OpCase> BatchNorms()
    {
        yield return new(nameof(BatchNormEvaluate), "no rows", IsTiny: true, Chooses: false, o => o.Device.Run(new BatchNormEvaluate(3, o.Unwritten(0), o.Random(3, 20), o.Random(3, 21), o.Random(6, 22), o.Unwritten(0), false)));
        foreach ((int rows, int channels) in _batches)
        {
            int length = rows * channels;
            bool tiny = length < 300;
            foreach ((bool wild, bool rectified) in _both.SelectMany(wild => _both.Select(rectified => (wild, rectified))))
            {
                string what = $"{rows} rows of {channels}{(wild ? ", wild" : "")}{(rectified ? ", rectified" : "")}";

                // Where a value is wild its channel is lost; so one of three channels has wild values, and one values whose squares are no normal floats.
                float[] x = TestDevices.Random(length, 23, -1, 3), lost = Aggregation.SampleRows.Values(length, 24, wild: true);
                for (int i = 0; wild && i < length; i++) x[i] = (i % channels % 3) switch { 0 => lost[i], 1 => x[i] * 1e-21f, _ => x[i] };
                float[] statistics = [.. TestDevices.Random(channels, 25), .. wild ? Aggregation.SampleRows.Values(channels, 26, wild: true) : TestDevices.Random(channels, 27, 0, 2)];
                yield return new(nameof(BatchNormForward), what, tiny, Chooses: false, o => o.Device.Run(new BatchNormForward(channels, o.Of(x), o.Values(channels, 28, wild), o.Random(channels, 29), o.Unwritten(2 * channels), o.Unwritten(length), rectified)));
                yield return new(nameof(BatchNormEvaluate), what, tiny, Chooses: false, o => o.Device.Run(new BatchNormEvaluate(channels, o.Of(x), o.Random(channels, 30, -2, 2), o.Values(channels, 31, wild), o.Of(statistics), o.Unwritten(length), rectified)));
                yield return Backward(wanted: false, inPlace: false, "");
                yield return Backward(wanted: true, inPlace: false, ", with the input's gradient");
                yield return Backward(wanted: true, inPlace: true, ", with the input's gradient in place");

                OpCase Backward(bool wanted, bool inPlace, string how) => new(nameof(BatchNormBackward), what + how, tiny, Chooses: false, o =>
                {
                    View gradient = o.Values(length, 32, wild: false), output = o.Values(length, 33, wild);
                    View? inputGradient = !wanted ? null : inPlace ? gradient : o.Unwritten(length);
                    o.Device.Run(new BatchNormBackward(channels, o.Of(x), output, gradient, o.Random(channels, 34, -2, 2), o.Of(statistics), inputGradient, o.Unwritten(channels), o.Unwritten(channels), rectified));
                });
            }
        }
    }

    private static IEnumerable<OpCase> CrossEntropies()
    {
        foreach ((int samples, int classes, float scale) in new[] { (0, 4, 1f), (1, 1, 1f), (1, 2, 1f), (5, 10, 3f), (33, 10, 40f), (3, 100, 100f), (128, 3, 9f), (300, 7, 5f) })
        {
            int[] labels = [.. Enumerable.Range(0, samples).Select(i => i * 7 % classes)];
            foreach (bool wild in _both)
            {
                yield return new(nameof(SoftmaxCrossEntropy), $"{samples} samples of {classes} classes{(wild ? ", wild" : "")}", samples * classes < 400, Chooses: false, o =>
                    o.Device.Run(new SoftmaxCrossEntropy(wild ? o.Wild(samples * classes, 35) : o.Random(samples * classes, 36, -scale, scale), labels, classes, o.Unwritten(samples * classes), o.Unwritten(1))));
            }
        }
    }
}
