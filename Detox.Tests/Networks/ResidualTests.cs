using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;
using Detox.Gpu.Networks;
using Detox.Tests.Kernels;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Networks;

/// <summary>Networks with batch normalisation and values that are read more than once.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class ResidualTests
{
    private static IEnumerable<(int Lanes, int Threads)> Devices => TestDevices.All;

    [TestCase("resnet18", 11_173_962, 9_600, "layer2.0.downsample.0.weight", "bn1")]
    [TestCase("vgg13-bn", 9_413_066, 5_888, "features.31.weight", "features.1")]
    public void HasItsParametersAndStatistics(string model, int parameters, int statistics, string name, string firstNorm)
    {
        using CpuDevice device = new(1);
        using Network network = Network.Create(model, device, 32, 32, 3, 10, 1);
        Assert.That(network.ParameterCount, Is.EqualTo(parameters));
        Assert.That(network.Parameters.Sum(parameter => parameter.Length), Is.EqualTo(parameters));
        Assert.That(network.StatisticsCount, Is.EqualTo(statistics));
        Assert.That(network.PayloadLength, Is.EqualTo(parameters + statistics + 1));
        Assert.That(network.Parameters.Select(parameter => parameter.Name), Has.Member(name).And.Unique);
        Assert.That(network.Describe(64 * 27), Is.EqualTo($"{firstNorm}.weight[0]"));
        Assert.That(network.Describe(parameters + 3), Is.EqualTo($"{firstNorm}.mean[3]"));
        Assert.That(network.Describe(parameters + 64), Is.EqualTo($"{firstNorm}.variance[0]"));
        Assert.That(network.Describe(parameters + statistics), Is.EqualTo("loss"));
        Assert.That(() => network.Describe(parameters + statistics + 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [TestCase("resnet18", 7, 9, "8 x 8", "7 x 9")]
    [TestCase("vgg13-bn", 28, 28, "32 x 32", "28 x 28")]
    public void AnImageThatTheModelCannotTakeIsRefused(string model, int height, int width, string expected, string found)
    {
        using CpuDevice device = new(1);
        Assert.That(() => Network.Create(model, device, height, width, 1, 10, 1), Throws.ArgumentException.With.Message.Contains(model).And.Message.Contains(expected).And.Message.Contains(found));
    }

    [Test]
    public void TrainingBeginsWithNormalisationsThatChangeNothing()
    {
        using CpuDevice device = new(1);
        using Network network = Network.Create("resnet18", device, 8, 8, 3, 10, 1);
        float[] state = new float[network.StateLength];
        state.AsSpan().Fill(float.NaN);
        network.Initialise(1, state);
        foreach (Parameter parameter in network.Parameters.Where(parameter => parameter.Name.Contains("bn")))
            Assert.That(state[parameter.Offset..(parameter.Offset + parameter.Length)], Is.All.EqualTo(parameter.Name.EndsWith(".weight", StringComparison.Ordinal) ? 1 : 0), parameter.Name);
        foreach (Parameter statistic in network.Statistics)
            Assert.That(state.AsSpan(network.ParameterCount + statistic.Offset, statistic.Length).ToArray(), Is.All.EqualTo(statistic.Name.EndsWith(".variance", StringComparison.Ordinal) ? 1 : 0), statistic.Name);
        Assert.That(state, Is.All.Matches<float>(float.IsFinite));
    }

    /// <summary>Payload, running statistics and evaluation.</summary>
    [Test]
    public void EveryDeviceGivesWhatThePlainLoopsGive()
    {
        using PlainDevice plain = new();
        float[] expected = TrainingAndEvaluation.Run(plain, "resnet18", 8, 3);
        foreach ((int Lanes, int Threads) form in Devices)
        {
            using CpuDevice device = TestDevices.Create(form);
            BitEqual(expected, TrainingAndEvaluation.Run(device, "resnet18", 8, 3), $"resnet18, {form.Lanes} lanes, {form.Threads} threads");
        }
    }

    [Test]
    public void EveryDeviceGivesTheSameForVgg()
    {
        float[]? expected = null;
        foreach ((int Lanes, int Threads) form in Devices)
        {
            using CpuDevice device = TestDevices.Create(form);
            float[] found = TrainingAndEvaluation.Run(device, "vgg13-bn", 32, 2);
            BitEqual(expected ??= found, found, $"vgg13-bn, {form.Lanes} lanes, {form.Threads} threads");
        }
    }

    [Test]
    public void RunningStatisticsAreTorchs()
    {
        using CpuDevice device = new(1);
        using Network network = Network.Create("resnet18", device, 8, 8, 3, 10, 2);
        float[] state = new float[network.StateLength], batch = TestDevices.Random(network.StatisticsCount, 1, 0.5f, 2);
        network.Initialise(1, state);
        using DeviceBuffer values = device.Upload(state), statistics = device.Upload(batch);
        network.MoveStatistics(values.All, statistics.All);
        float[] moved = device.Download(values);
        BitEqual(state.AsSpan(0, network.ParameterCount), moved.AsSpan(0, network.ParameterCount), "weights");

        // bn1 sees 2 samples of 8 x 8 positions, layer4.1.bn2 two of one.
        Parameter mean = network.Statistics[0], variance = network.Statistics[1], last = network.Statistics[^1];
        Assert.That((mean.Name, variance.Name, last.Name), Is.EqualTo(("bn1.mean", "bn1.variance", "layer4.1.bn2.variance")));
        Within(0.1 * batch[5], Moved(mean, 5), 1e-6, "running mean");
        Within(0.9 + (0.1 * batch[variance.Offset + 7] * 128 / 127), Moved(variance, 7), 1e-6, "running variance");
        Within(0.9 + (0.1 * batch[last.Offset + 7] * 2), Moved(last, 7), 1e-6, "running variance of two values");

        float Moved(Parameter statistic, int index) => moved[network.ParameterCount + statistic.Offset + index];
    }

    [TestCase("conv1.weight")]
    [TestCase("bn1.weight")]
    [TestCase("layer1.0.conv1.weight")]
    [TestCase("layer2.0.downsample.0.weight")]
    [TestCase("layer3.1.bn2.bias")]
    [TestCase("layer4.0.downsample.1.weight")]
    [TestCase("fc.bias")]
    public void TheGradientOfAResNetMatchesDifferences(string name)
    {
        using CpuDevice device = new(1);
        using Network network = Network.Create("resnet18", device, 16, 16, 2, 5, 8);
        GradientMatches(device, network, network.Parameters.Single(parameter => parameter.Name == name), 0.05);
    }

    /// <summary>A value that three layers read, gradients that pass through two sums at once, and rectifiers behind them.</summary>
    [Test]
    public void TheGradientOfATangledNetworkMatchesDifferences([Values(1, 2)] int samples)
    {
        using CpuDevice device = new(1);
        using Network network = new("tangled", device, Tangled(), 3, samples);
        foreach (Parameter parameter in network.Parameters) GradientMatches(device, network, parameter, 0.02);
    }

    [Test]
    public void ATangledNetworkTakesEveryWayBack()
    {
        GradientPlan.Step[] steps = new GradientPlan(Tangled().Nodes).Steps;
        Assert.That(steps.Any(step => step.Sums.Any(sum => sum.Added == step.Input)), "what a layer writes is added to what others gave");
        Assert.That(steps.Any(step => step.Sums.Any(sum => sum.Added == step.Output)), "what a layer passes on is added to what others gave");
        Assert.That(steps.Any(step => step.Sums.Length == 2), "both");
    }

    [Test]
    public void ATangledNetworkIsTheSameOnThePlainDevice()
    {
        using PlainDevice plain = new();
        using CpuDevice device = new(2);
        BitEqual(TrainingAndEvaluation.Run(plain, Tangled(), 3, 4), TrainingAndEvaluation.Run(device, Tangled(), 3, 4), "tangled");
    }

    [Test]
    public void AResNetNeedsFewGradientsAtATime()
    {
        GradientPlan plan = new(ResNet18.Build(new LayerList(32, 32, 3), 10).Nodes);
        Assert.That(plan.SlotLengths.Sum(), Is.LessThanOrEqualTo(4 * 64 * 32 * 32), string.Join(' ', plan.SlotLengths));
    }

    [Test]
    public void ANetworkThatOnlyEvaluatesHasNoGradient()
    {
        using CpuDevice device = new(1);
        using Network network = Network.Create("resnet18", device, 8, 8, 3, 10, 1, onlyEvaluates: true);
        using DeviceBuffer state = device.Allocate(network.StateLength), payload = device.Allocate(network.PayloadLength);
        Assert.That(() => network.Gradient(state.All, new float[network.InputLength], [0], payload.All), Throws.InvalidOperationException);
    }

    [Test]
    public void ALayerListRefusesWhatWouldReadAnotherValue()
    {
        LayerList overwritten = new LayerList(4, 4, 2).Convolution("a", 1, 2);
        Value value = overwritten.Current;
        overwritten.Relu();
        Assert.That(() => overwritten.From(value).Relu(), Throws.InvalidOperationException.With.Message.Contains("another layer's output"));

        LayerList needed = new LayerList(4, 4, 2).Convolution("a", 1, 2);
        value = needed.Current;
        needed.Convolution("b", 1, 2);
        Assert.That(() => needed.From(value).Relu(), Throws.InvalidOperationException.With.Message.Contains("another layer needs"));
        Assert.That(() => needed.Convolution("c", 1, 3).BatchNorm("d", addend: value), Throws.InvalidOperationException.With.Message.Contains("4 x 4 x 3"));
        Assert.That(() => new GradientPlan(needed.Nodes), Throws.InvalidOperationException.With.Message.Contains("No layer reads"));
    }

    private static LayerList Tangled()
    {
        LayerList layers = new(5, 4, 2);
        Value image = layers.Current;
        Value first = layers.Convolution("a", 3, 4, padding: 1).Relu().Current;
        Value second = layers.From(image).Convolution("b", 1, 4, bias: false).BatchNorm("bn").Current;
        Value third = layers.From(first).BatchNorm("bn1", addend: second).Current;
        Value fourth = layers.From(first).BatchNorm("bn2", rectified: true, third).Relu().Current;
        Value fifth = layers.From(second).BatchNorm("bn3", addend: first).Relu().BatchNorm("bn4", addend: fourth).Current;
        layers.From(first).Convolution("c", 3, 4, padding: 1, bias: false).BatchNorm("bn5", rectified: true, fifth);
        return layers.BatchNorm("bn6", addend: layers.Current).MaxPool(2).AveragePool().Linear("fc", 3);
    }

    private static void GradientMatches(Device device, Network network, Parameter parameter, double tolerance)
    {
        const double step = 2e-3;
        float[] state = new float[network.StateLength], images = TestDevices.Random(network.Batch * network.InputLength, 4);
        network.Initialise(3, state);
        int[] labels = [.. Enumerable.Range(0, network.Batch).Select(i => (i + 2) % network.Classes)];
        using DeviceBuffer values = device.Upload(state), payload = device.Allocate(network.PayloadLength);
        network.Gradient(values.All, images, labels, payload.All);
        Range range = parameter.Offset..(parameter.Offset + parameter.Length);
        float[] gradient = device.Download(payload)[range];

        // Along the gradient and along random signs: the kinks of the rectifiers average out.
        Detox.Gpu.SeededRandom random = new(5);
        foreach (float[] direction in (float[][])[[.. gradient], [.. gradient.Select(_ => random.NextInt(2) == 0 ? -1f : 1f)]])
        {
            double length = Math.Sqrt(direction.Sum(x => (double)x * x)), size = Math.Sqrt(gradient.Sum(x => (double)x * x));
            Assert.That(size, Is.GreaterThan(1e-3), parameter.Name);
            double expected = direction.Zip(gradient, (x, g) => (double)x * g).Sum() / length;
            Within(expected, (LossAlong(direction, step / length) - LossAlong(direction, -step / length)) / (2 * step), tolerance * size, parameter.Name);
        }

        double LossAlong(float[] direction, double scale)
        {
            float[] moved = [.. state];
            for (int i = 0; i < direction.Length; i++) moved[parameter.Offset + i] = (float)(moved[parameter.Offset + i] + (scale * direction[i]));
            device.Write(moved, values.All);
            network.Gradient(values.All, images, labels, payload.All);
            return device.Download(payload)[^1];
        }
    }
}

/// <summary>All that a network computes: two steps of training, the running statistics behind each, and an evaluation by it and by one that
/// does nothing else.</summary>
internal static class TrainingAndEvaluation
{
    /// <summary>The first payload, the state after the steps, the evaluation's loss.</summary>
    public static float[] Run(Device device, string model, int side, int batch)
    {
        using Network network = Network.Create(model, device, side, side, 3, 10, batch), judge = Network.Create(model, device, side, side, 3, 10, batch, onlyEvaluates: true);
        return Run(device, network, judge);
    }

    public static float[] Run(Device device, LayerList layers, int classes, int batch)
    {
        using Network network = new("a test's own", device, layers, classes, batch), judge = new("a test's own", device, layers, classes, batch, onlyEvaluates: true);
        return Run(device, network, judge);
    }

    private static float[] Run(Device device, Network network, Network judge)
    {
        float[] values = new float[network.StateLength], images = TestDevices.Random(network.Batch * network.InputLength, 1);
        network.Initialise(3, values);
        int[] labels = [.. Enumerable.Range(0, network.Batch).Select(i => i * 7 % network.Classes)];
        using DeviceBuffer state = device.Upload(values), velocity = device.Allocate(network.ParameterCount), payload = device.Allocate(network.PayloadLength);
        List<float> results = [];
        for (int step = 0; step < 2; step++)
        {
            network.Gradient(state.All, images, labels, payload.All);
            if (step == 0) results.AddRange(device.Download(payload));
            device.Run(new SgdStep(state.All.Slice(0, network.ParameterCount), velocity.All, payload.All.Slice(0, network.ParameterCount), 0.05f, 0.9f, 1e-4f));
            network.MoveStatistics(state.All, payload.All.Slice(network.ParameterCount, network.StatisticsCount));
        }

        (int correct, double loss) = network.Evaluate(state.All, images, labels);
        Assert.That(judge.Evaluate(state.All, images, labels), Is.EqualTo((correct, loss)), "a network that only evaluates");
        return [.. results, .. device.Download(state), correct, (float)loss];
    }
}
