using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Tests.Kernels;

/// <summary>Convolutions, by sums and by tiles, and products of matrices.</summary>
internal static class ConvolutionCases
{
    // On a GPU the rows of a product decide between tiles of 32, 64 and 128 rows: they are a forward's positions, the pixels of one
    // residue by the stride of an input's gradient, the taps or channels of a weights' gradient, and the tiles of Winograd's. Each has
    // all three heights here. Its terms are a forward's taps, an input's gradient's outputs, a weights' gradient's positions.
    private static readonly (ConvolutionShape Shape, int Samples)[] _tiny =
    [
        (new(5, 5, 3, 5, 1), 1),
        (new(7, 6, 3, 3, 5, Padding: 1), 2),
        (new(9, 8, 2, 3, 3, Stride: 2, Padding: 1), 3),
        (new(5, 7, 2, 4, 3, Stride: 3, Padding: 2), 2),
        (new(5, 4, 3, 1, 2, Stride: 2), 2),
        (new(7, 5, 3, 2, 4, Stride: 3, Padding: 1), 2),
        (new(4, 4, 4, 3, 18, Padding: 1), 2),
        (new(4, 4, 3, 3, 2, Stride: 2, Padding: 1), 9),
        (ConvolutionShape.Linear(1, 1), 1),
        (ConvolutionShape.Linear(37, 5), 3),
        (ConvolutionShape.Linear(6, 3), 33),
        (ConvolutionShape.Linear(21, 67), 66),
        (ConvolutionShape.Linear(3, 2), 520),
        (ConvolutionShape.Linear(3, 4), 0),
        (new(4, 4, 16, 3, 16, Padding: 1), 1),
        (new(4, 4, 16, 3, 17, Padding: 1), 33),
        (new(3, 4, 17, 3, 16, Padding: 1), 65),
        (new(5, 4, 33, 3, 16, Padding: 2), 1),
        (new(6, 6, 65, 3, 16), 1),
        (new(8, 8, 16, 3, 16, Padding: 1), 0),
    ];

    // Rows of whole fours, and of whole sixteens where a forward reads patches: on a GPU another way where they are aligned. All heights as above.
    private static readonly (ConvolutionShape Shape, int Samples)[] _inFours =
    [
        (new(3, 3, 16, 3, 36, Stride: 2, Padding: 1), 1),
        (new(3, 3, 16, 2, 4, Stride: 2, Padding: 1), 10),
        (new(3, 3, 16, 1, 20, Stride: 2), 33),
        (new(2, 5, 4, 2, 8, Stride: 3, Padding: 2), 2),
        (ConvolutionShape.Linear(36, 68), 3),
        (ConvolutionShape.Linear(20, 40), 40),
        (ConvolutionShape.Linear(68, 4), 132),
        (new(4, 4, 16, 3, 20, Padding: 1), 33),
        (new(4, 4, 36, 3, 16, Padding: 1), 65),
        (new(4, 4, 68, 3, 16, Padding: 1), 1),
    ];

    private static readonly (ConvolutionShape Shape, int Samples)[] _large =
    [
        (new(28, 28, 1, 5, 20), 2),
        (new(12, 12, 20, 5, 50), 9),
        (new(10, 9, 24, 4, 33, Padding: 1), 8),
        (new(14, 16, 24, 4, 18), 1),
        (new(7, 6, 3, 3, 23, Padding: 1), 2),
        (new(9, 8, 5, 3, 25, Stride: 2, Padding: 1), 3),
        (new(8, 8, 7, 1, 9, Stride: 2), 2),
        (new(8, 8, 16, 3, 32, Stride: 2, Padding: 1), 5),
        (new(9, 7, 13, 1, 70, Stride: 3, Padding: 1), 4),
        (new(11, 13, 2, 4, 6, Stride: 3, Padding: 2), 2),
        (new(24, 24, 2, 1, 3), 2),
        (new(5, 5, 16, 3, 16, Padding: 1), 2),
        (new(9, 9, 16, 3, 17, Stride: 2, Padding: 1), 2),
        (ConvolutionShape.Linear(800, 17), 5),
        (ConvolutionShape.Linear(37, 101), 50),
        (ConvolutionShape.Linear(20, 64), 128),
        (ConvolutionShape.Linear(47, 65), 129),
        (ConvolutionShape.Linear(3, 24), 600),
        (new(6, 6, 16, 3, 16, Padding: 1), 2),
        (new(8, 8, 16, 3, 16, Padding: 1), 1),
        (new(9, 8, 17, 3, 33, Padding: 1), 3),
        (new(9, 9, 50, 3, 16), 2),
        (new(3, 3, 70, 3, 49, Padding: 1), 1),
        (new(1, 1, 16, 3, 20, Padding: 2), 2),
        (new(7, 4, 19, 3, 70, Padding: 2), 1),
        (new(14, 11, 21, 3, 18, Padding: 2), 7),
        (new(8, 12, 64, 3, 20, Padding: 2), 2),
        (new(10, 10, 40, 3, 70), 40),
        (new(8, 8, 16, 3, 52, Padding: 1), 100),
        (new(3, 3, 16, 3, 300, Padding: 1), 130),
    ];

    public static IEnumerable<(ConvolutionShape Shape, int Samples)> Shapes => [.. _tiny, .. _inFours, .. _large];

    public static IEnumerable<OpCase> All() =>
    [
        .. _tiny.SelectMany(one => OpCases.Both.SelectMany(wild => Convolutions(one.Shape, one.Samples, wild, tiny: true))),
        .. _inFours.SelectMany(one => OpCases.Both.SelectMany(wild => Convolutions(one.Shape, one.Samples, wild, tiny: true, before: 4))),
        .. _inFours.Where(one => one.Samples <= 3).SelectMany(one => Convolutions(one.Shape, one.Samples, wild: false, tiny: true)),
        .. _large.SelectMany(one => Convolutions(one.Shape, one.Samples, wild: false, tiny: false)),
        .. _tiny.Where(one => one.Shape.IsWinograd && one.Samples > 0).SelectMany(one => Tiles(one.Shape, one.Samples)),
        .. Products(),
    ];

    private static IEnumerable<OpCase> Convolutions(ConvolutionShape shape, int samples, bool wild, bool tiny, int before = 1)
    {
        int x = samples * shape.InputLength, y = samples * shape.OutputLength, w = shape.WeightLength, b = shape.Outputs;
        string what = What(shape, samples) + (wild ? ", wild" : "") + (before % 4 == 0 ? ", aligned" : "");
        foreach (bool biased in wild ? [true] : OpCases.Both)
        {
            string sums = biased ? $"{what}, biased" : what;
            yield return new(nameof(ConvolutionForward), sums, tiny, ExactNaN: false, o =>
                o.Device.Run(new ConvolutionForward(shape, samples, o.Values(x, 40, wild), o.Values(w, 41, wild), biased ? o.Values(b, 42, wild) : null, o.Unwritten(y))), before);
            if (!tiny && !biased) continue;
            yield return new(nameof(ConvolutionBackwardWeights), sums, tiny, ExactNaN: false, o =>
                o.Device.Run(new ConvolutionBackwardWeights(shape, samples, o.Values(x, 43, wild), o.Values(y, 44, wild), o.Unwritten(w), biased ? o.Unwritten(b) : null)), before);
        }

        yield return new(nameof(ConvolutionBackwardInput), what, tiny, ExactNaN: false, o =>
            o.Device.Run(new ConvolutionBackwardInput(shape, samples, o.Values(y, 45, wild), o.Values(w, 46, wild), o.Unwritten(x))), before);
        if (!tiny && !shape.IsWinograd) yield break;
        foreach ((bool biased, bool wanted) in tiny ? [(true, false), (false, true), (true, true)] : (IEnumerable<(bool, bool)>)[(true, true)])
        {
            yield return new(nameof(ConvolutionBackward), $"{what}{(biased ? ", biased" : "")}{(wanted ? ", with the input's gradient" : "")}", tiny, ExactNaN: false, o => o.Device.Run(new ConvolutionBackward(
                shape, samples, o.Values(x, 56, wild), o.Values(y, 57, wild), o.Values(w, 58, wild), o.Unwritten(w), biased ? o.Unwritten(b) : null, wanted ? o.Unwritten(x) : null)), before);
        }
    }

    // What the convolutions run where tiles serve; here by itself.
    private static IEnumerable<OpCase> Tiles(ConvolutionShape shape, int samples)
    {
        int x = samples * shape.InputLength, y = samples * shape.OutputLength, w = shape.WeightLength;
        yield return new(nameof(WinogradForward), What(shape, samples), IsTiny: true, ExactNaN: false, o =>
            o.Device.Run(new WinogradForward(shape, samples, o.Random(x, 47), o.Random(w, 48), IsTurned: false, o.Random(shape.Outputs, 49), o.Unwritten(y))));
        yield return new(nameof(WinogradForward), $"{What(shape, samples)}, turned", IsTiny: true, ExactNaN: false, o =>
            o.Device.Run(new WinogradForward(Winograd.Turned(shape), samples, o.Random(y, 50), o.Random(w, 51), IsTurned: true, null, o.Unwritten(x))));
        yield return new(nameof(WinogradBackwardWeights), What(shape, samples), IsTiny: true, ExactNaN: false, o =>
            o.Device.Run(new WinogradBackwardWeights(shape, samples, o.Random(x, 52), o.Random(y, 53), o.Unwritten(w))));
    }

    private static IEnumerable<OpCase> Products()
    {
        foreach ((int m, int n, int k) in new[] { (1, 1, 1), (3, 5, 4), (50, 35, 21), (33, 65, 15), (0, 3, 2), (4, 0, 3), (4, 3, 0) })
        {
            foreach (bool wild in OpCases.Both)
            {
                yield return new(nameof(MatrixMultiply), $"{m} x {k} by {k} x {n}{(wild ? ", wild" : "")}", IsTiny: true, ExactNaN: false, o =>
                    o.Device.Run(new MatrixMultiply(m, n, k, o.Values(m * k, 54, wild), o.Values(k * n, 55, wild), o.Unwritten(m * n))));
            }
        }
    }

    private static string What(in ConvolutionShape shape, int samples)
        => $"{samples} x {shape.Height} x {shape.Width} x {shape.Channels} by {shape.Kernel} to {shape.Outputs}, stride {shape.Stride}, padding {shape.Padding}";
}
