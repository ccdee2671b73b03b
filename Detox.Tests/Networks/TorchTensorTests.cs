using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Networks;

/// <summary>A model's state in PyTorch's names and order, and back.</summary>
public sealed class TorchTensorTests
{
    /// <summary>Every model, on images of several forms that it takes.</summary>
    private static IEnumerable<TestCaseData> Models()
    {
        (int Height, int Width, int Channels)[] shapes = [(28, 28, 1), (32, 32, 3), (33, 47, 2), (64, 32, 3)];
        foreach (string model in Network.Known.Names)
        {
            foreach ((int height, int width, int channels) in shapes)
                if (model != "vgg13-bn" || height >= 32) yield return new TestCaseData(model, height, width, channels);
        }
    }

    [TestCaseSource(nameof(Models))]
    public void ThereAndBackIsTheSameBits(string model, int height, int width, int channels)
    {
        using Network network = Create(model, height, width, channels);
        float[] state = EveryBitPattern(network.StateLength), back = new float[state.Length];
        int length = 0;
        foreach (TorchTensor tensor in TorchTensor.OfState(network))
        {
            float[] values = new float[tensor.Length];
            tensor.Gather(state, values);
            tensor.Scatter(values, back);
            length += values.Length;
        }

        Assert.That(length, Is.EqualTo(state.Length));
        BitEqual(state, back, model);
    }

    /// <summary>An element of a filter by its four indices, which <see cref="Network.Describe"/> has in this program's order.</summary>
    [TestCase("lenet", "conv2.weight")]
    [TestCase("resnet18", "layer2.0.conv1.weight")]
    [TestCase("resnet18", "layer3.0.downsample.0.weight")]
    [TestCase("vgg13-bn", "features.3.weight")]
    public void AFilterIsOutputChannelRowColumn(string model, string name)
    {
        using Network network = Create(model, 32, 40, 3);
        TorchTensor tensor = TorchTensor.OfState(network).Single(tensor => tensor.Name == name);
        int[] indices = Indices(network, tensor);
        (int outputs, int channels, int rows, int columns) = (tensor.Shape[0], tensor.Shape[1], tensor.Shape[2], tensor.Shape[3]);
        Assert.That(rows, Is.EqualTo(columns));
        for (int i = 0; i < indices.Length; i++)
        {
            (int output, int channel, int row, int column) = (i / (channels * rows * columns), i / (rows * columns) % channels, i / columns % rows, i % columns);
            if (network.Describe(indices[i]) != $"{name}[{row},{column},{channel},{output}]") Assert.Fail($"{name}[{output},{channel},{row},{column}] is {network.Describe(indices[i])}");
        }
    }

    /// <summary>The inputs of a linear layer are an image, flattened as [channel][row][column] there and as [row][column][channel] here.</summary>
    [TestCase("softmax", "linear.weight", 10, 12, 3, 10, 12, 3)]
    [TestCase("mlp", "fc1.weight", 9, 7, 2, 9, 7, 2)]
    [TestCase("lenet", "fc1.weight", 28, 36, 1, 4, 6, 50)]
    [TestCase("lenet", "fc2.weight", 28, 36, 1, 1, 1, 500)]
    [TestCase("vgg13-bn", "classifier.weight", 64, 96, 3, 2, 3, 512)]
    [TestCase("resnet18", "fc.weight", 24, 40, 3, 1, 1, 512)]
    public void AMatrixIsOutputThenTheImageItReads(string model, string name, int height, int width, int channels, int rows, int columns, int depth)
    {
        using Network network = Create(model, height, width, channels);
        TorchTensor tensor = TorchTensor.OfState(network).Single(tensor => tensor.Name == name);
        int inputs = rows * columns * depth;
        Assert.That(tensor.Shape, Has.Count.EqualTo(2).And.ItemAt(1).EqualTo(inputs));
        int[] indices = Indices(network, tensor);
        for (int i = 0; i < indices.Length; i++)
        {
            (int output, int channel, int row, int column) = (i / inputs, i / (rows * columns) % depth, i / columns % rows, i % columns);
            string expected = $"{name}[{(((row * columns) + column) * depth) + channel},{output}]";
            if (network.Describe(indices[i]) != expected) Assert.Fail($"{name}[{output},{i % inputs}] is {network.Describe(indices[i])}, not {expected}");
        }
    }

    [Test]
    public void ABatchNormHasTorchsFourNames()
    {
        using Network network = Create("resnet18", 8, 8, 3);
        IReadOnlyList<TorchTensor> tensors = TorchTensor.OfState(network);
        string[] names = [.. tensors.Select(tensor => tensor.Name).Where(name => name.StartsWith("layer2.0.downsample.1.", StringComparison.Ordinal))];
        Assert.That(names.Select(name => name.Split('.')[^1]), Is.EqualTo((string[])["weight", "bias", "running_mean", "running_var"]));
        Parameter variance = network.Statistics.Single(statistic => statistic.Name == "layer2.0.downsample.1.variance");
        Assert.That(Indices(network, tensors.Single(tensor => tensor.Name == names[3]))[5], Is.EqualTo(network.ParameterCount + variance.Offset + 5));
    }

    /// <summary>The keys of torchvision's models, without num_batches_tracked; its VGG has biases before normalisations and two linear layers more.</summary>
    [TestCase("resnet18", 102, "conv1.weight bn1.running_var layer1.0.conv1.weight layer4.1.bn2.bias layer3.0.downsample.1.running_mean fc.bias")]
    [TestCase("vgg13-bn", 52, "features.0.weight features.1.running_var features.7.weight features.14.weight features.21.weight features.28.weight features.31.weight features.32.bias classifier.bias")]
    [TestCase("lenet", 8, "conv1.weight conv2.bias fc1.weight fc2.bias")]
    public void NamesAreTorchvisions(string model, int count, string some)
    {
        using Network network = Create(model, 32, 32, 3);
        string[] names = [.. TorchTensor.OfState(network).Select(tensor => tensor.Name)];
        Assert.That(names, Has.Length.EqualTo(count));
        Assert.That(names, Is.Unique.And.SupersetOf(some.Split(' ')));
        Assert.That(names.Take(network.Parameters.Count), Is.EqualTo(TorchTensor.OfParameters(network).Select(tensor => tensor.Name)));
    }

    [Test]
    public void RoomOfAnotherLengthIsRefused()
    {
        using Network network = Create("softmax", 4, 4, 1);
        TorchTensor tensor = TorchTensor.OfState(network)[0];
        Assert.That(() => tensor.Gather(new float[170], new float[161]), Throws.ArgumentException.With.Message.Contains("161"));
        Assert.That(() => tensor.Scatter(new float[159], new float[170]), Throws.ArgumentException.With.Message.Contains("159"));
    }

    private static Network Create(string model, int height, int width, int channels)
    {
        using CpuDevice device = new(1);
        return Network.Create(model, device, height, width, channels, 10, 1, onlyEvaluates: true);
    }

    /// <summary>Where each of a tensor's values lies in the state.</summary>
    private static int[] Indices(Network network, TorchTensor tensor)
    {
        float[] state = [.. Enumerable.Range(0, network.StateLength).Select(BitConverter.Int32BitsToSingle)], values = new float[tensor.Length];
        tensor.Gather(state, values);
        return Array.ConvertAll(values, BitConverter.SingleToInt32Bits);
    }

    /// <summary>No two alike; NaN of every kind among them.</summary>
    private static float[] EveryBitPattern(int length)
    {
        const uint odd = 2654435761;
        return [.. Enumerable.Range(0, length).Select(i => BitConverter.UInt32BitsToSingle((uint)i * odd))];
    }
}
