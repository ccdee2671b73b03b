using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Networks;
using Detox.Mpi.Data;

namespace Detox.Mpi.SelfTest;

/// <summary>A model whose first steps on a few random images are known to the last bit.</summary>
/// <param name="Sha256">Of all that a step writes (<see cref="Recording.Sha256"/>), one for each step: the same on every device, with any vectors and
/// threads. A change of a model's bits changes them, and the test of these rows prints the new ones.</param>
internal sealed record ModelCase(string Model, ImageShape Shape, int Batch, params string[] Sha256)
{
    private const int Classes = 10;
    private const ulong Seed = 1;

    /// <summary>Every model, on small images.</summary>
    public static IReadOnlyList<ModelCase> All { get; } =
    [
        new("softmax", new ImageShape(28, 28, 1), 32,
            "5acfabfec095bb89a3b1a03c6ee6e2e4284962cebf9a064329cf18e686353da4",
            "cffde6aa41cc58863e8e877b33a4937c7069a09b42786ad810ac440f49d6edb3"),
        new("mlp", new ImageShape(28, 28, 1), 32,
            "32fbb45189ac5003d17412576b1104c7c5821f7222b474e7b74e2b9966ebefb8",
            "ae51215fcae15a1651317f52c8da3c83a168f0b0626ae9e8058c8c3025e7b9b5"),
        new("lenet", new ImageShape(28, 28, 1), 32,
            "1d3657ffefb3f79ca264970c6101648a3199ff9e48156b9e86bca2028ea5e103",
            "49055bb8f456860c7f818bf8d84b95303c1c6696f8c2e43d4ba9b92c8a78d6aa"),
        new("lenet-small", new ImageShape(28, 28, 1), 32,
            "efb0fc74ff201b3df9b7c2cb3a6063eb45806a85ebb28332dd07b1fa927e3b35",
            "5e056db1b8c2e5c9f9b5aa83db86ca7ff48d0d73c12ac894c2f210650f7ac474"),
        new("resnet18", new ImageShape(16, 16, 3), 3,
            "e72df5abe0a4f2a1c82a836f06966fec601fb7c6c5d4c458ffc57182026f79cf",
            "ef711950dfa82a457986c7ecc7a1a45eda37fb77e1876925a79eac14527abacc"),
        new("vgg13-bn", new ImageShape(32, 32, 3), 2,
            "8e8bb3336e4676cb07d4f6e186c269320cb5784d68a2f11722ca0e48467eaee8",
            "34c351a256750a5283a85839353e73df7c0c5dac547f36d6a0382d49b563b045"),
    ];

    public int Steps => Sha256.Length;

    public Network CreateNetwork(Device device, bool onlyEvaluates = false)
        => Network.Create(Model, device, Shape.Height, Shape.Width, Shape.Channels, Classes, Batch, onlyEvaluates);

    /// <summary>What the first step finds.</summary>
    public ModelStart Start()
    {
        using PlainDevice plain = new();
        using Network network = CreateNetwork(plain, onlyEvaluates: true);
        ModelStart start = new(new float[network.StateLength], new float[Batch * network.InputLength], new int[Batch]);
        network.Initialise(Seed, start.State);
        SeededRandom random = new(Seed);
        foreach (ref float pixel in start.Images.AsSpan()) pixel = random.NextFloat(-1, 1);
        foreach (ref int label in start.Labels.AsSpan()) label = random.NextInt(Classes);
        return start;
    }
}

/// <summary>Where a model's steps begin.</summary>
/// <param name="State">Parameters and running statistics.</param>
/// <param name="Images">Of every step.</param>
internal sealed record ModelStart(float[] State, float[] Images, int[] Labels);
