using System.Runtime.Intrinsics;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Kernels;

/// <summary>What convolutions are; that every device computes their bits, <see cref="OpTests"/> says.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class ConvolutionTests
{
    /// <summary>The largest error of a result by tiles, in parts of the results' root mean square: some eight times that of direct sums.</summary>
    private const double WinogradTolerance = 4e-5;

    /// <summary>Whether on plain loops or on a device: what does not fit together is named before anything runs.</summary>
    [Test]
    public void OperandsThatDoNotFitAreNamed()
    {
        ConvolutionShape shape = new(5, 4, 3, 3, 2);
        const int samples = 2;
        using CpuDevice cpu = new(1);
        using PlainDevice plain = new();
        foreach (Device device in (Device[])[cpu, plain])
        {
            using DeviceBuffer x = device.Allocate(samples * shape.InputLength), w = device.Allocate(shape.WeightLength), b = device.Allocate(shape.Outputs);
            using DeviceBuffer y = device.Allocate(samples * shape.OutputLength), one = device.Allocate(1);
            Named(() => device.Run(new ConvolutionForward(shape, samples, one.All, w.All, b.All, y.All)), "Input", 1, x.Length);
            Named(() => device.Run(new ConvolutionForward(shape, samples, x.All, one.All, b.All, y.All)), "Weights", 1, w.Length);
            Named(() => device.Run(new ConvolutionForward(shape, samples, x.All, w.All, one.All, y.All)), "Bias", 1, b.Length);
            Named(() => device.Run(new ConvolutionForward(shape, samples, x.All, w.All, null, one.All)), "Output", 1, y.Length);
            Named(() => device.Run(new ConvolutionBackwardInput(shape, samples, one.All, w.All, x.All)), "OutputGradient", 1, y.Length);
            Named(() => device.Run(new ConvolutionBackwardInput(shape, samples, y.All, one.All, x.All)), "Weights", 1, w.Length);
            Named(() => device.Run(new ConvolutionBackwardInput(shape, samples, y.All, w.All, one.All)), "InputGradient", 1, x.Length);
            Named(() => device.Run(new ConvolutionBackwardWeights(shape, samples, one.All, y.All, w.All, b.All)), "Input", 1, x.Length);
            Named(() => device.Run(new ConvolutionBackwardWeights(shape, samples, x.All, one.All, w.All, b.All)), "OutputGradient", 1, y.Length);
            Named(() => device.Run(new ConvolutionBackwardWeights(shape, samples, x.All, y.All, one.All, b.All)), "WeightsGradient", 1, w.Length);
            Named(() => device.Run(new ConvolutionBackwardWeights(shape, samples, x.All, y.All, w.All, one.All)), "BiasGradient", 1, b.Length);
            Named(() => device.Run(new MatrixMultiply(2, 3, 4, one.All, one.All, one.All)), "Left", 1, 8);
            Named(() => device.Run(new MatrixMultiply(1, 3, 1, one.All, one.All, one.All)), "Right", 1, 3);
            Named(() => device.Run(new MatrixMultiply(1, 1, 1, one.All, one.All, w.All)), "Result", w.Length, 1);
        }

        static void Named(Action run, string operand, long found, long expected)
            => Assert.That(run, Throws.ArgumentException.With.Message.EqualTo($"{operand}: a view of {found} floats where {expected} are expected."));
    }

    [Test]
    public void MorePixelsThanAnOpCountsAreNamed()
    {
        ConvolutionShape shape = new(32, 32, 1, 3, 1);
        const int samples = 1 << 21;
        using CpuBuffer memory = new(1);
        View x = new(memory, 0, (long)samples * shape.InputLength), y = new(memory, 0, (long)samples * shape.OutputLength), w = new(memory, 0, shape.WeightLength);
        foreach (Action check in (Action[])[
            new ConvolutionForward(shape, samples, x, w, null, y).Check,
            new ConvolutionBackwardInput(shape, samples, y, w, x).Check,
            new ConvolutionBackwardWeights(shape, samples, x, y, w, null).Check])
            Assert.That(check, Throws.ArgumentException.With.Message.Contains("2147483648 pixels").And.Message.Contains("smaller batch"));
        Assert.That(new ConvolutionForward(shape, samples / 2, x.Slice(0, x.Length / 2), w, null, y.Slice(0, y.Length / 2)).Check, Throws.Nothing);
    }

    [Test]
    public void AChunkOfTheWeightsGradientEndsWithinARowOfPixels()
        => Assert.That(ConvolutionCases.Shapes.Any(one => one.Samples * one.Shape.Positions > ConvolutionBackwardWeights.Chunk && ConvolutionBackwardWeights.Chunk % one.Shape.OutputWidth != 0), "in some shape");

    [Test]
    public void SomeShapesMakeSeveralBlocksAndGroupsOfTiles()
    {
        Assert.That(ConvolutionCases.Shapes.Any(one => one.Shape.IsWinograd && one.Samples * Winograd.Tiles(one.Shape) > 2 * WinogradForward<Lanes512, Vector512<float>>.MostTiles), "blocks");
        Assert.That(ConvolutionCases.Shapes.Any(one => one.Shape.IsWinograd && one.Samples * Winograd.Tiles(one.Shape) > WinogradBackwardWeights<Lanes512, Vector512<float>>.GroupTiles(one.Shape)), "groups");
    }

    [TestCase(32, 32, 64, 3, 64, 1, 1, ExpectedResult = true)]
    [TestCase(4, 4, 512, 3, 512, 1, 1, ExpectedResult = true)]
    [TestCase(2, 2, 512, 3, 512, 1, 1, ExpectedResult = false, Description = "a tile would make 4 outputs by 36 products")]
    [TestCase(5, 5, 64, 3, 64, 1, 1, ExpectedResult = false, Description = "four tiles for 25 outputs")]
    [TestCase(32, 32, 3, 3, 64, 1, 1, ExpectedResult = false, Description = "few channels")]
    [TestCase(32, 32, 64, 3, 128, 2, 1, ExpectedResult = false, Description = "stride 2")]
    [TestCase(32, 32, 64, 5, 64, 1, 2, ExpectedResult = false, Description = "5 x 5")]
    [TestCase(8, 8, 64, 3, 64, 1, 3, ExpectedResult = false, Description = "the gradient of the input would have negative padding")]
    public bool TilesServeWhereTheySaveHalfOfTheProducts(int height, int width, int channels, int kernel, int outputs, int stride, int padding)
        => new ConvolutionShape(height, width, channels, kernel, outputs, stride, padding).IsWinograd;

    [Test]
    public void TilesAreAsAccurateAsTheyAreKnownToBe([Values(8, 9)] int side, [Values(0, 1, 2)] int padding)
    {
        ConvolutionShape shape = new(side, side, 64, 3, 32, Padding: padding);
        Assert.That(shape.IsWinograd);
        const int samples = 2;
        float[] x = TestDevices.Random(samples * shape.InputLength, 14), w = TestDevices.Random(shape.WeightLength, 15), dy = TestDevices.Random(samples * shape.OutputLength, 16);
        float[] y = new float[dy.Length], dx = new float[x.Length], dw = new float[w.Length];
        ConvolutionForward.Reference(shape, samples, x, w, [], y);
        ConvolutionBackwardInput.Reference(shape, samples, dy, w, dx);
        ConvolutionBackwardWeights.Reference(shape, samples, x, dy, dw, []);

        double[] exactY = new double[y.Length], exactDx = new double[x.Length], exactDw = new double[w.Length];
        for (int at = 0; at < dy.Length; at++)
        {
            int n = at % shape.Outputs, position = at / shape.Outputs % shape.Positions, image = at / shape.Outputs / shape.Positions * shape.InputLength;
            for (int tap = 0; tap < shape.Taps; tap++)
            {
                int pixel = Patch.Index(shape, position, tap), weight = (tap * shape.Outputs) + n;
                if (pixel < 0) continue;
                exactY[at] += (double)x[image + pixel] * w[weight];
                exactDx[image + pixel] += (double)dy[at] * w[weight];
                exactDw[weight] += (double)dy[at] * x[image + pixel];
            }
        }

        Within(exactY, y, WinogradTolerance * RootMeanSquare(exactY), "output");
        Within(exactDx, dx, WinogradTolerance * RootMeanSquare(exactDx), "input gradient");
        Within(exactDw, dw, WinogradTolerance * RootMeanSquare(exactDw), "weights gradient");
    }

    private static double RootMeanSquare(double[] values) => Math.Sqrt(values.Sum(value => value * value) / values.Length);

    private static IEnumerable<ConvolutionShape> DifferentiatedShapes() =>
    [
        new(6, 5, 2, 3, 4),
        new(6, 5, 2, 3, 4, Padding: 1),
        new(6, 5, 2, 3, 4, Stride: 2),
        new(6, 5, 2, 3, 4, Stride: 2, Padding: 1),
        new(3, 3, 16, 3, 16, Padding: 1),
        new(5, 8, 16, 3, 17),
    ];

    [TestCaseSource(nameof(DifferentiatedShapes))]
    public void GradientsMatchCentralDifferences(ConvolutionShape shape)
    {
        const int samples = 2;
        float[] input = TestDevices.Random(samples * shape.InputLength, 11), weights = TestDevices.Random(shape.WeightLength, 12), direction = TestDevices.Random(samples * shape.OutputLength, 13);
        float[] dx = new float[input.Length], dw = new float[weights.Length], db = new float[shape.Outputs];
        ConvolutionBackwardInput.Reference(shape, samples, direction, weights, dx);
        ConvolutionBackwardWeights.Reference(shape, samples, input, direction, dw, db);
        Differences.Match(input, dx, () => Dot(shape, samples, input, weights, direction), "input gradient");
        Differences.Match(weights, dw, () => Dot(shape, samples, input, weights, direction), "weights gradient");
    }

    /// <summary>The output times a fixed direction, in double.</summary>
    private static double Dot(in ConvolutionShape shape, int samples, float[] input, float[] weights, float[] direction)
    {
        double sum = 0;
        for (int at = 0; at < direction.Length; at++)
        {
            int n = at % shape.Outputs, position = at / shape.Outputs % shape.Positions, sample = at / shape.Outputs / shape.Positions;
            ReadOnlySpan<float> image = input.AsSpan(sample * shape.InputLength, shape.InputLength);
            double output = 0;
            for (int tap = 0; tap < shape.Taps; tap++) output += (double)Patch.Pixel(shape, image, position, tap) * weights[(tap * shape.Outputs) + n];
            sum += output * direction[at];
        }

        return sum;
    }
}

/// <summary>Gradients against central differences of a function in double.</summary>
internal static class Differences
{
    private const float Step = 1f / 64;
    private const double Tolerance = 2e-4;

    public static void Match(float[] variables, ReadOnlySpan<float> gradient, Func<double> function, string what, double step = Step, double tolerance = Tolerance)
    {
        for (int i = 0; i < variables.Length; i++)
        {
            float kept = variables[i];
            float above = (float)(kept + step), below = (float)(kept - step);
            variables[i] = above;
            double high = function();
            variables[i] = below;
            double low = function();
            variables[i] = kept;
            double slope = (high - low) / ((double)above - below);
            Within(slope, gradient[i], tolerance * Math.Max(1, Math.Abs(slope)), $"{what} at {i}");
        }
    }
}
