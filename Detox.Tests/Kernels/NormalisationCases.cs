using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;
using Detox.Tests.Aggregation;

namespace Detox.Tests.Kernels;

/// <summary>Batch normalisation.</summary>
internal static class NormalisationCases
{
    /// <summary>Rows that end within a chunk, with one and one behind one; channels of part of a vector, whole ones and a rest; as many
    /// chunks as one group of a GPU holds, and one more; more chunks than are added at once; more rows than the most blocks of the least length.</summary>
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
        (ChannelTile.MostWholeChunks * BatchNorm.Chunk, 9),
        ((ChannelTile.MostWholeChunks * BatchNorm.Chunk) + 1, 1),
        ((25 * BatchNorm.Chunk) + 6, 66),
        ((520 * BatchNorm.Chunk) + 3, 32),
    ];

    public static IEnumerable<OpCase> All()
    {
        yield return new(nameof(BatchNormEvaluate), "no rows", IsTiny: true, ExactNaN: false, o => o.Device.Run(new BatchNormEvaluate(3, o.Unwritten(0), o.Random(3, 20), o.Random(3, 21), o.Random(6, 22), null, o.Unwritten(0), false)));
        foreach ((int rows, int channels) in _batches)
        {
            int length = rows * channels;
            bool tiny = length < 2500;
            foreach ((bool wild, bool rectified) in OpCases.Both.SelectMany(wild => OpCases.Both.Select(rectified => (wild, rectified))))
            {
                string what = $"{rows} rows of {channels}{(wild ? ", wild" : "")}{(rectified ? ", rectified" : "")}";

                // Where a value is wild its channel is lost; so one of three channels has wild values, and one values whose squares are no normal floats.
                float[] x = TestDevices.Random(length, 23, -1, 3), lost = SampleRows.Values(length, 24, wild: true);
                for (int i = 0; wild && i < length; i++) x[i] = (i % channels % 3) switch { 0 => lost[i], 1 => x[i] * 1e-21f, _ => x[i] };
                float[] statistics = [.. TestDevices.Random(channels, 25), .. wild ? SampleRows.Values(channels, 26, wild: true) : TestDevices.Random(channels, 27, 0, 2)];
                foreach (bool added in OpCases.Both)
                {
                    string sums = added ? $"{what}, with an addend" : what;
                    yield return new(nameof(BatchNormForward), sums, tiny, ExactNaN: false, o => o.Device.Run(new BatchNormForward(channels, o.Of(x), o.Values(channels, 28, wild), o.Random(channels, 29), o.Unwritten(2 * channels), added ? o.Values(length, 35, wild) : null, o.Unwritten(length), rectified)));
                    yield return new(nameof(BatchNormEvaluate), sums, tiny, ExactNaN: false, o => o.Device.Run(new BatchNormEvaluate(channels, o.Of(x), o.Random(channels, 30, -2, 2), o.Values(channels, 31, wild), o.Of(statistics), added ? o.Values(length, 36, wild) : null, o.Unwritten(length), rectified)));
                }

                yield return new(nameof(BatchNormForward), $"{what}, to the addend's place", tiny, ExactNaN: false, o =>
                {
                    View addend = o.Values(length, 37, wild);
                    o.Device.Run(new BatchNormForward(channels, o.Of(x), o.Values(channels, 28, wild), o.Random(channels, 29), o.Unwritten(2 * channels), addend, addend, rectified));
                });
                yield return Backward(wanted: false, inPlace: false, "");
                yield return Backward(wanted: true, inPlace: false, ", with the input's gradient");
                yield return Backward(wanted: true, inPlace: true, ", with the input's gradient in place");

                OpCase Backward(bool wanted, bool inPlace, string how) => new(nameof(BatchNormBackward), what + how, tiny, ExactNaN: false, o =>
                {
                    View gradient = o.Values(length, 32, wild: false), output = o.Values(length, 33, wild);
                    View? inputGradient = !wanted ? null : inPlace ? gradient : o.Unwritten(length);
                    o.Device.Run(new BatchNormBackward(channels, o.Of(x), output, gradient, o.Random(channels, 34, -2, 2), o.Of(statistics), inputGradient, o.Unwritten(channels), o.Unwritten(channels), rectified));
                });
            }
        }
    }
}
