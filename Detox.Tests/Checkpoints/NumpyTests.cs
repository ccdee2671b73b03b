using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;
using Detox.Mpi.Checkpoints;
using Detox.Tests.Data;
using Detox.Tests.Kernels;
using Detox.Tests.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>A model's file read by a program that shares nothing with this one, and the model computed by it as PyTorch would: images as [channel][row][column], in double.</summary>
public sealed class NumpyTests
{
    private const int Samples = 6, LimitSeconds = 60;

    /// <summary>Arguments: the file, the images' file, their shape, labels, layers.</summary>
    private const string Program = """
        import hashlib, json, struct, sys
        import numpy as np

        data = open(sys.argv[1], 'rb').read()
        length, = struct.unpack('<Q', data[:8])
        header, values = json.loads(data[8:8 + length]), data[8 + length:]
        assert (8 + length) % 8 == 0
        assert header.pop('__metadata__')['format'] == 'pt'
        tensors = {}
        for name, entry in header.items():
            begin, end = entry['data_offsets']
            assert entry['dtype'] == 'F32'
            tensors[name] = np.frombuffer(values[begin:end], '<f4').reshape(entry['shape']).astype(float)
            print(name, ','.join(map(str, entry['shape'])), hashlib.sha256(values[begin:end]).hexdigest())

        shape, labels = ([int(word) for word in words.split(',')] for words in sys.argv[3:5])
        x = np.fromfile(sys.argv[2], '<f4').reshape(shape).astype(float)
        for layer in sys.argv[5:]:
            kind, _, name = layer.partition(':')
            own = {key[len(name) + 1:]: tensor for key, tensor in tensors.items() if key.startswith(name + '.')}
            channels = lambda vector: vector[:, None, None]
            if kind == 'conv':
                kernel = own['weight'].shape[2:]
                x = np.einsum('nchwij,ocij->nohw', np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3)), own['weight']) + channels(own['bias'])
            elif kind == 'norm':
                x = (x - channels(own['running_mean'])) / np.sqrt(channels(own['running_var']) + 1e-5) * channels(own['weight']) + channels(own['bias'])
            elif kind == 'pool':
                n, c, h, w = x.shape
                x = x[:, :, :h // 2 * 2, :w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))
            elif kind == 'relu':
                x = np.maximum(x, 0)
            else:
                x = x.reshape(len(x), -1) @ own['weight'].T + own['bias']
        largest = x.max(1, keepdims=True)
        losses = np.log(np.exp(x - largest).sum(1)) + largest[:, 0] - x[np.arange(len(x)), labels]
        print('computed', (x.argmax(1) == labels).sum(), losses.sum())
        """;

    [Test]
    public void LeNet()
    {
        using CpuDevice device = new(1);
        using Network network = Network.Create("lenet", device, 28, 36, 3, 10, Samples);
        Check(device, network, (28, 36, 3), "conv:conv1 pool relu conv:conv2 pool relu linear:fc1 relu linear:fc2");
    }

    [Test]
    public void BatchNorm()
    {
        using CpuDevice device = new(1);
        using Network network = SmallNetwork.Create(device, Samples);
        Check(device, network, (8, 6, 2), "conv:conv1 norm:bn1 relu pool linear:fc");
    }

    private static void Check(CpuDevice device, Network network, (int Height, int Width, int Channels) shape, string layers)
    {
        (int height, int width, int channels) = shape;
        float[] state = new float[network.StateLength], images = TestDevices.Random(Samples * network.InputLength, 2);
        network.Initialise(3, state);
        TestDevices.Random(network.StatisticsCount, 4, 0.5f, 2).CopyTo(state.AsSpan(network.ParameterCount));
        foreach (Parameter vector in network.Parameters.Where(parameter => parameter.Shape.Length == 1)) TestDevices.Random(vector.Length, 5).CopyTo(state, vector.Offset);
        int[] labels = [.. Enumerable.Range(0, Samples).Select(i => i * 7 % network.Classes)];

        float[] planes = new float[images.Length];
        for (int i = 0; i < planes.Length; i++)
        {
            (int image, int channel, int pixel) = (i / (channels * height * width), i / (height * width) % channels, i % (height * width));
            planes[i] = images[(image * height * width * channels) + (pixel * channels) + channel];
        }

        using TempFolder folder = new();
        string weights = Path.Combine(folder.Path, "weights.safetensors");
        IReadOnlyList<TorchTensor> tensors = TorchTensor.OfState(network);
        using (FileStream file = File.Create(weights)) ModelFile.Write(file, network.Model, [new ModelVector("", tensors, state)]);
        string input = folder.Write("images", MemoryMarshal.AsBytes(planes.AsSpan()).ToArray());
        string[] command = [Numpy(), "-c", Program, weights, input, $"{Samples},{channels},{height},{width}", string.Join(',', labels), .. layers.Split(' ')];
        MpiOutcome outcome = MpiRunner.RunCommand(command, null, LimitSeconds);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        string[] lines = outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines[..^1], Is.EqualTo(tensors.Select(tensor => $"{tensor.Name} {string.Join(',', tensor.Shape)} {Digest(tensor, state)}")));

        using DeviceBuffer values = device.Upload(state);
        (int correct, double loss) = network.Evaluate(values.All, images, labels);
        string[] computed = lines[^1].Split(' ');
        Assert.That(computed[1], Is.EqualTo($"{correct}"));
        Comparisons.Within(loss, double.Parse(computed[2], CultureInfo.InvariantCulture), 1e-5 * loss, "the sum of the losses");
    }

    private static string Digest(TorchTensor tensor, float[] state)
    {
        float[] values = new float[tensor.Length];
        tensor.Gather(state, values);
        return Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(values.AsSpan())));
    }

    /// <summary>A Python that has numpy; the test is ignored where there is none, in CI that is a failure.</summary>
    private static string Numpy()
    {
        foreach (string python in (string[])["python3", "/usr/bin/python3"])
            if (MpiRunner.RunCommand([python, "-c", "import numpy"], null, LimitSeconds).ExitCode == 0) return python;
        const string reason = "no python3 here has numpy; apt install python3-numpy";
        if (Environment.GetEnvironmentVariable("CI") is { Length: > 0 }) Assert.Fail(reason);
        Assert.Ignore(reason);
        throw new InvalidOperationException(reason);
    }
}
