using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;
using Detox.Mpi.Checkpoints;
using Detox.Tests.Kernels;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Checkpoints;

/// <summary>A model's vectors in a file.</summary>
public sealed class ModelFileTests
{
    private const string Path = "some/model.safetensors";

    private readonly CpuDevice _device = new(1);
    private Network _network = null!;

    [OneTimeSetUp]
    public void Create() => _network = SmallNetwork.Create(_device);

    [OneTimeTearDown]
    public void Close()
    {
        _network.Dispose();
        _device.Dispose();
    }

    [Test]
    public void SeveralVectorsFitInOneFile()
    {
        float[][] vectors = [.. Enumerable.Range(1, 3).Select(seed => TestDevices.Random(_network.ParameterCount, (ulong)seed))];
        byte[] file = Write([.. vectors.Select((vector, i) => Parameters(Prefix(i), vector))]);
        float[][] found = [.. vectors.Select(vector => new float[vector.Length])];
        Read(file, [.. found.Select((vector, i) => Parameters(Prefix(i), vector))]);
        for (int i = 0; i < vectors.Length; i++) BitEqual(vectors[i], found[i], Prefix(i));

        static string Prefix(int i) => i == 0 ? "" : $"kept{i}.";
    }

    [Test]
    public void NamesShapesAndMetadataAreForPyTorch()
    {
        SafetensorsReader reader = SafetensorsReader.Open(new MemoryStream(Write(State(new float[_network.StateLength]))), Path);
        Assert.That(reader.Metadata, Is.EquivalentTo(new Dictionary<string, string> { ["format"] = "pt", ["model"] = SmallNetwork.Model }));
        Assert.That(reader.Tensors.Select(tensor => $"{tensor}"), Is.EqualTo((string[])
            ["conv1.weight [4,2,3,3]", "conv1.bias [4]", "bn1.weight [4]", "bn1.bias [4]", "fc.weight [3,24]", "fc.bias [3]", "bn1.running_mean [4]", "bn1.running_var [4]"]));
    }

    /// <summary>Every byte, by four other values: another float, or a refusal that leaves the vector as it was.</summary>
    [Test]
    public void AChangedByteIsOneOtherFloatOrRefused()
    {
        float[] state = TestDevices.Random(_network.StateLength, 1), found = new float[state.Length];
        byte[] file = Write(State(state));
        ModelVector[] vectors = [State(found)];
        int refused = 0, read = 0;
        for (int place = 0; place < file.Length; place++)
        {
            byte old = file[place];
            foreach (int change in (int[])[1, 2, 0x20, 0x80 | (place % 127)])
            {
                file[place] = (byte)(old ^ change);
                found.AsSpan().Fill(float.NaN);
                int expected = 1;
                try
                {
                    Read(file, vectors);
                    read++;
                }
                catch (InvalidDataException error)
                {
                    Assert.That(error.Message, Does.StartWith(Path));
                    Assert.That(found, Is.All.NaN, error.Message);
                    state.CopyTo(found, 0);
                    refused++;
                    expected = 0;
                }

                int differing = state.Zip(found).Count(pair => BitConverter.SingleToInt32Bits(pair.First) != BitConverter.SingleToInt32Bits(pair.Second));
                if (differing != expected) Assert.Fail($"byte {place}, {old:x2} as {file[place]:x2}: {differing} floats differ");
            }

            file[place] = old;
        }

        Assert.That((read, refused), Is.EqualTo((4 * sizeof(float) * state.Length, 4 * (file.Length - (sizeof(float) * state.Length)))));
    }

    [Test]
    public void AnotherModelsFileIsRefused()
    {
        float[] state = new float[_network.StateLength];
        byte[] file = Write(State(state)), optimizer = Write(Parameters("", state));
        Refuses(file, "lenet", [State(state)], "model: lenet", "model: small");
        Refuses(optimizer, SmallNetwork.Model, [State(state)], "expected bn1.running_mean [4]", "no such tensor");
        Refuses(file, SmallNetwork.Model, [Parameters("", state)], "expected tensors of small", "bn1.running_mean [4]");

        using Network wider = new(SmallNetwork.Model, _device, new LayerList(6, 8, 2).Convolution("conv1", 3, 4).BatchNorm("bn1").Linear("fc", 3), 3, 2);
        Refuses(file, SmallNetwork.Model, [new ModelVector("", TorchTensor.OfState(wider), new float[wider.StateLength])], "expected fc.weight [3,96]", "found fc.weight [3,24]");

        void Refuses(byte[] bytes, string model, ModelVector[] vectors, params string[] said)
        {
            InvalidDataException error = Assert.Throws<InvalidDataException>(() => ModelFile.Read(new MemoryStream(bytes), Path, model, vectors))!;
            foreach (string words in said.Prepend(Path)) Assert.That(error.Message, Does.Contain(words));
        }
    }

    private static byte[] Write(params ModelVector[] vectors)
    {
        using MemoryStream file = new();
        ModelFile.Write(file, SmallNetwork.Model, vectors);
        return file.ToArray();
    }

    private static void Read(byte[] file, ModelVector[] vectors) => ModelFile.Read(new MemoryStream(file), Path, SmallNetwork.Model, vectors);

    private ModelVector State(float[] values) => new("", TorchTensor.OfState(_network), values);

    private ModelVector Parameters(string prefix, float[] values) => new(prefix, TorchTensor.OfParameters(_network), values);
}
