using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;

namespace Detox.Mpi.Commands;

/// <summary>One op on its own, with what it must do at least.</summary>
/// <param name="Flops">Operations that it must do.</param>
/// <param name="Bytes">Bytes that it must move: each input read once, each output written once.</param>
internal sealed record KernelCase(string Name, double Flops, double Bytes, Action Run);

/// <summary>The cases of every op of a device, at the sizes of the built-in networks and of a million parameters.</summary>
internal sealed class KernelBenchmarks : IDisposable
{
    private const int Batch = 8;
    private const int Width = 1_000_000;
    private const int RowCount = 15;
    private const int PeakFloats = 1 << 19;
    private const int PeakRounds = 512;
    private const int CopyFloats = 1 << 25;

    private readonly Device _device;
    private readonly List<DeviceBuffer> _buffers = [];

    public KernelBenchmarks(Device device) => _device = device;

    /// <summary>Memory of the device whose reading waits for all work.</summary>
    public DeviceBuffer Any => _buffers[0];

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
    }

    /// <summary>Nothing but fused multiply-adds: the arithmetic that others are compared with.</summary>
    public KernelCase Arithmetic()
    {
        DeviceBuffer chains = Zeros(PeakFloats);
        return new KernelCase("fma chains", 2.0 * PeakFloats * PeakRounds, 0, () => _device.Run(new FmaChains(chains.All, PeakRounds)));
    }

    /// <summary>Nothing but copying: the bandwidth that others are compared with.</summary>
    public KernelCase Copying(int floats = CopyFloats)
    {
        DeviceBuffer from = Zeros(floats), to = Zeros(floats);
        return new KernelCase("copy", 0, 2.0 * floats * sizeof(float), () => _device.Copy(from.All, to.All));
    }

    public IEnumerable<KernelCase> Cases() => [.. Convolutions(), .. Elementwise(), .. Passes(), .. Ballots()];

    private IEnumerable<KernelCase> Convolutions()
    {
        (string Name, ConvolutionShape Shape, int Samples)[] shapes =
        [
            ("5x5, 12x12x20 to 50", new ConvolutionShape(12, 12, 20, 5, 50), Batch),
            ("3x3, 16x16x128 to 128", new ConvolutionShape(16, 16, 128, 3, 128, Padding: 1), Batch),
            ("3x3 stride 2, 16x16x128 to 256", new ConvolutionShape(16, 16, 128, 3, 256, Stride: 2, Padding: 1), Batch),
            ("linear 800 to 500", ConvolutionShape.Linear(800, 500), 32),
        ];
        foreach ((string name, ConvolutionShape shape, int samples) in shapes)
        {
            double flops = 2.0 * samples * shape.Positions * shape.Taps * shape.Outputs;
            double bytes = sizeof(float) * ((double)samples * (shape.InputLength + shape.OutputLength) + shape.WeightLength);
            DeviceBuffer input = Random(samples * shape.InputLength), weights = Random(shape.WeightLength), output = Random(samples * shape.OutputLength);
            DeviceBuffer bias = Random(shape.Outputs), gradient = Zeros(Math.Max(input.Length, weights.Length));
            yield return new KernelCase($"forward, {name}", flops, bytes, () => _device.Run(new ConvolutionForward(shape, samples, input.All, weights.All, bias.All, output.All)));
            yield return new KernelCase($"backward input, {name}", flops, bytes, () => _device.Run(new ConvolutionBackwardInput(shape, samples, output.All, weights.All, gradient.All.Slice(0, input.Length))));
            yield return new KernelCase($"backward weights, {name}", flops, bytes, () => _device.Run(new ConvolutionBackwardWeights(shape, samples, input.All, output.All, gradient.All.Slice(0, weights.Length), bias.All)));
        }
    }

    private IEnumerable<KernelCase> Elementwise()
    {
        const int length = 4_000_000;
        DeviceBuffer a = Random(length), b = Random(length), c = Random(length);
        yield return Moving("rectifier", 2, length, () => _device.Run(new ReluForward(a.All)));
        yield return Moving("rectifier backward", 3, length, () => _device.Run(new ReluBackward(a.All, b.All)));
        yield return Moving("sgd step", 5, length, () => _device.Run(new SgdStep(a.All, b.All, c.All, 1e-3f, 0.9f, 1e-4f)));

        yield return Moving("sum", 3, length, () => _device.Run(new Addition(a.All, b.All, c.All)));
        yield return Moving("moving average", 3, length, () => _device.Run(new MovingAverage(a.All, b.All, 1, 0.1f)));

        const int channels = 64, positions = 1024;
        DeviceBuffer scale = Random(channels), shift = Random(channels), statistics = Random(2 * channels);
        View x = a.All.Slice(0, Batch * positions * channels), y = b.All.Slice(0, x.Length), dy = c.All.Slice(0, x.Length);
        DeviceBuffer average = Zeros(Batch * channels), scaleGradient = Zeros(channels), shiftGradient = Zeros(channels);
        yield return Moving("batch-norm", 2, x.Length, () => _device.Run(new BatchNormForward(channels, x, scale.All, shift.All, statistics.All, null, y, Rectified: true)));
        yield return Moving("batch-norm backward", 4, x.Length, () => _device.Run(new BatchNormBackward(channels, x, y, dy, scale.All, statistics.All, dy, scaleGradient.All, shiftGradient.All, Rectified: true)));
        yield return Moving("average pool", 1, x.Length, () => _device.Run(new AveragePoolForward(Batch, positions, channels, x, average.All)));
        yield return Moving("average pool backward", 1, x.Length, () => _device.Run(new AveragePoolBackward(Batch, positions, channels, average.All, y)));

        PoolShape pool = new(24, 24, 20, 2);
        int samples = 4 * Batch;
        DeviceBuffer image = Random(samples * pool.InputLength), pooled = Random(samples * pool.OutputLength), back = Zeros(samples * pool.InputLength);
        double poolBytes = sizeof(float) * ((double)image.Length + pooled.Length);
        yield return new KernelCase("max pool", 0, poolBytes, () => _device.Run(new MaxPoolForward(pool, samples, image.All, pooled.All)));
        yield return new KernelCase("max pool backward", 0, (2 * poolBytes) + (sizeof(float) * (double)pooled.Length), () => _device.Run(new MaxPoolBackward(pool, samples, image.All, pooled.All, pooled.All, back.All)));

        const int classes = 10;
        int[] labels = [.. Enumerable.Range(0, 4 * Batch).Select(i => i % classes)];
        DeviceBuffer logits = Random(labels.Length * classes), slope = Zeros(labels.Length * classes), loss = Zeros(1);
        yield return new KernelCase("softmax cross-entropy", 0, 2.0 * sizeof(float) * logits.Length, () => _device.Run(new SoftmaxCrossEntropy(logits.All, labels, classes, slope.All, loss.All)));
    }

    private IEnumerable<KernelCase> Passes()
    {
        DeviceBuffer memory = Random((long)RowCount * Width), output = Zeros(Width);
        long[] offsets = [.. Enumerable.Range(0, RowCount).Select(i => (long)i * Width)];
        float[] weights = [.. Enumerable.Repeat(1f, RowCount)];
        double[] distances = new double[RowCount * RowCount];
        Rows Rows() => new(memory.All, offsets, Width);
        double pairs = RowCount * (RowCount - 1) / 2;
        yield return Moving($"weighted sum, n={RowCount}", RowCount + 1, Width, () => _device.Run(new WeightedSum(Rows(), weights, RowCount, output.All)));
        yield return Moving($"median, n={RowCount}", RowCount + 1, Width, () => _device.Run(new CoordinateMedian(Rows(), output.All)));
        yield return Moving($"mean around median, n={RowCount}", RowCount + 1, Width, () => _device.Run(new MeanAround(Rows(), null, RowCount / 2, output.All)));
        yield return Moving($"sign majority, n={RowCount}", RowCount + 1, Width, () => _device.Run(new SignMajority(Rows(), output.All)));
        yield return new KernelCase($"distances, n={RowCount}", 3 * pairs * Width, (double)RowCount * Width * sizeof(float), () => _device.Run(new PairwiseSquaredDistances(Rows(), distances)));
    }

    private IEnumerable<KernelCase> Ballots()
    {
        DeviceBuffer vector = Random(Width);
        foreach (BallotKind kind in Enum.GetValues<BallotKind>())
        {
            byte[] leaves = new byte[new BallotTree(_device, kind, Width).LeafBytes];
            bool[] areFinite = new bool[1];
            yield return Moving($"leaves, {kind.ToString().ToLowerInvariant()}", 1, Width, () => _device.Run(new LeafDigests(kind, new Rows(vector.All, [0], Width), leaves, areFinite)));
        }
    }

    private static KernelCase Moving(string name, int vectors, long length, Action run) => new(name, 0, (double)vectors * length * sizeof(float), run);

    private DeviceBuffer Zeros(long length)
    {
        DeviceBuffer buffer = _device.Allocate(length);
        _buffers.Add(buffer);
        return buffer;
    }

    private DeviceBuffer Random(long length)
    {
        DeviceBuffer buffer = Benchmarks.Random(_device, length);
        _buffers.Add(buffer);
        return buffer;
    }
}
