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
            "548a7078e0ed027d0914970651efdb0173703518e872ad2d12607837b36190c7",
            "d9e28b5a995976dd1ee67121d03446364f8f9df45704f23d1f26ddcb5d7d6944"),
        new("mlp", new ImageShape(28, 28, 1), 32,
            "5cd5ceaa5848163d2ab64c5ccb165a191fe3faadcb31bdfafde8d0f28b851e91",
            "e144aa99f905e0b24305316d3b4711bdccff77509eb8de4ca6f4332ff452285f"),
        new("lenet", new ImageShape(28, 28, 1), 32,
            "bffe61abf68899bef0a3365f801f1bfbcce262931fc5c84bf8796f92c2430bed",
            "9fda48beaf26e4f4d75c87bb0763260a64a8d329b65b5808e3c5e214253e19ed"),
        new("resnet18", new ImageShape(16, 16, 3), 3,
            "e784e57c1cab1b0e7fcbaae01b5bcb1823beeb9d79c34b33aa976190d961ecce",
            "bb3088eded16c9e2254943e7736fbf9ff5cf4514c999b0028536f042d206e724"),
        new("vgg13-bn", new ImageShape(32, 32, 3), 2,
            "d62e8f88ff3acaf12dc3252260b2f8012c08b8811dd8052f6b819baa01f5fb8f",
            "29e0766d7f65b668b9ad67973d7574ec53451c1c2f569a3d14268b535e111120"),
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
