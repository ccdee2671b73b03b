using System.Diagnostics;
using System.Reflection;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Kernels;
using Detox.Tests.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Ptx;

/// <summary>The PTX of the project's kernels, run by the machine, computes the bits of their references.</summary>
[NonParallelizable]
public sealed class KernelTests
{
    private readonly List<IDisposable> _open = [];
    private Accelerator _host = null!;

    [OneTimeSetUp]
    public void Open()
    {
        Context context = IlgpuDevices.CreateContext(IlgpuKind.Simulator);
        _host = context.CreateCPUAccelerator(0);
        _open.AddRange([_host, context]);
    }

    [OneTimeTearDown]
    public void Close() => _open.ForEach(one => one.Dispose());

    [TestCaseSource(typeof(KernelTexts), nameof(KernelTexts.Cases))]
    public void EveryInstructionIsKnown(MethodInfo kernel)
        => Assert.That(PtxModule.Parse(KernelTexts.Of(kernel)).Kernels, Has.Count.EqualTo(1));

    [TestCase(37, 5, 3)]
    [TestCase(8, 4, 130)]
    [TestCase(100, 70, 20)]
    public void DenseForward(int terms, int outputs, int rows)
    {
        ConvolutionShape shape = ConvolutionShape.Linear(terms, outputs);
        float[] x = TestDevices.Random(rows * terms, 1), w = TestDevices.Random(terms * outputs, 2), b = TestDevices.Random(outputs, 3), y = new float[rows * outputs];
        ConvolutionForward.Reference(shape, rows, x, w, b, y);
        using MemoryBuffer1D<float, Stride1D.Dense> input = _host.Allocate1D(x), weights = _host.Allocate1D(w), bias = _host.Allocate1D(b), output = _host.Allocate1D<float>(y.Length);
        Launch(typeof(ConvolutionForward), "DenseKernel", TiledProduct.Groups(rows, outputs), terms, outputs, rows, View(input), View(weights), View(bias), 1, View(output));
        BitEqual(y, output.GetAsArray1D(), "output");
    }

    /// <summary>A product alone, in its 36 places, against plain loops.</summary>
    [TestCase(3, 16, 16)]
    [TestCase(98, 64, 64)]
    public void WinogradProduct(int tiles, int channels, int outputs)
    {
        float[] left = TestDevices.Random(Winograd.Places * tiles * channels, 1), right = TestDevices.Random(Winograd.Places * channels * outputs, 2);
        float[] expected = new float[Winograd.Places * tiles * outputs];
        for (int at = 0; at < expected.Length; at++)
        {
            int place = at / outputs / tiles, tile = at / outputs % tiles, output = at % outputs;
            for (int c = 0; c < channels; c++)
                expected[at] = MathF.FusedMultiplyAdd(left[(((place * tiles) + tile) * channels) + c], right[(((place * channels) + c) * outputs) + output], expected[at]);
        }

        using MemoryBuffer1D<float, Stride1D.Dense> data = _host.Allocate1D(left), kernels = _host.Allocate1D(right), products = _host.Allocate1D<float>(expected.Length);
        Launch(typeof(Winograd), "ProductKernel", TiledProduct.Groups(tiles, outputs, Winograd.Places), tiles, channels, outputs, View(data), View(kernels), View(products));
        BitEqual(expected, products.GetAsArray1D(), "products");
    }

    [TestCaseSource(nameof(Shapes))]
    public void Convolution(ConvolutionShape shape, int samples)
    {
        float[] x = TestDevices.Random(samples * shape.InputLength, 1), w = TestDevices.Random(shape.WeightLength, 2), y = new float[samples * shape.OutputLength];
        ConvolutionForward.Reference(shape, samples, x, w, [], y);
        using MemoryBuffer1D<float, Stride1D.Dense> input = _host.Allocate1D(x), weights = _host.Allocate1D(w), output = _host.Allocate1D<float>(y.Length);
        int rows = samples * shape.Positions;
        Launch(typeof(ConvolutionForward), "Kernel", TiledProduct.Groups(rows, shape.Outputs), shape, rows, View(input), View(weights), View(weights), 0, View(output));
        BitEqual(y, output.GetAsArray1D(), "output");
    }

    private static IEnumerable<TestCaseData> Shapes() =>
    [
        new(new ConvolutionShape(5, 5, 3, 5, 1), 1),
        new(new ConvolutionShape(7, 6, 3, 3, 5, Stride: 1, Padding: 1), 2),
        new(new ConvolutionShape(9, 8, 2, 3, 3, Stride: 2, Padding: 1), 3),
        new(new ConvolutionShape(28, 28, 1, 5, 20), 2),
    ];

    private static ArrayView<float> View(MemoryBuffer1D<float, Stride1D.Dense> buffer) => buffer.View.BaseView;

    private static void Launch(Type op, string name, KernelConfig config, params object[] values)
    {
        MethodInfo method = op.GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public)!;
        PtxKernel kernel = PtxModule.Parse(KernelTexts.Of(method)).Kernels[0];
        KernelArguments arguments = new(values);
        PtxMachine machine = new(new GlobalMemory());
        foreach ((nint address, long bytes) in arguments.Buffers) machine.Memory.Add(address, bytes);
        Stopwatch watch = Stopwatch.StartNew();
        PtxCounts counts = machine.Launch(kernel, Of(config.GridDim), Of(config.GroupDim), arguments.Bytes);
        double millions = counts.ThreadInstructions / 1e6, seconds = watch.Elapsed.TotalSeconds;
        TestContext.Out.WriteLine($"{millions:F1} million instructions of threads in {seconds:F3} s: {millions / seconds:F0} million a second");
    }

    private static Triple Of(Index3D index) => new(index.X, index.Y, index.Z);
}
