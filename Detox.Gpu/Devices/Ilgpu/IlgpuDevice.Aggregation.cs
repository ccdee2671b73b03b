using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

public sealed partial class IlgpuDevice
{
    private double[] _pairSums = [];
    private int[] _notFinite = [];

    public override void PairwiseSquaredDistances(Rows rows, Span<double> distances)
    {
        int n = rows.Count, pairs = n * (n - 1) / 2;
        if (distances.Length != n * n) throw new ArgumentException($"distances: {distances.Length} places for {n} x {n}.", nameof(distances));
        distances.Clear();
        if (pairs == 0 || rows.Width == 0) return;
        int width = checked((int)rows.Width), chunks = (width + Kernels.PairwiseSquaredDistances.Chunk - 1) / Kernels.PairwiseSquaredDistances.Chunk;
        int tiles = Kernels.PairwiseSquaredDistances.Tiles(n);
        ArrayView<float> lanes = Scratch<float>("lanes", (long)pairs * chunks * Kernels.PairwiseSquaredDistances.Lanes), chunkSums = Scratch<float>("pairs' chunks", (long)pairs * chunks);
        ArrayView<double> sums = Scratch<double>("pairs", pairs);
        Kernel(nameof(PairwiseSquaredDistances), () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, ArrayView<long>, int, int, int, int, ArrayView<float>>(Kernels.PairwiseSquaredDistances.LaneKernel))(
            _stream, Threads((long)chunks * tiles * Kernels.PairwiseSquaredDistances.Lanes), Pointer(rows.Memory), Upload("offsets", rows.Offsets), n, width, chunks, tiles, lanes);
        Kernel("JoinLanes", () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, ArrayView<float>>(Kernels.PairwiseSquaredDistances.JoinKernel))(
            _stream, Threads(chunkSums.Length), lanes, chunkSums);
        Kernel("SumChunks", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, ArrayView<float>, ArrayView<double>>(Kernels.PairwiseSquaredDistances.SumKernel))(
            _stream, pairs, chunks, chunkSums, sums);
        if (_pairSums.Length < pairs) _pairSums = new double[pairs];
        Span<double> found = _pairSums.AsSpan(0, pairs);
        sums.CopyToCPU(_stream, found);
        _stream.Synchronize();
        int pair = 0;
        for (int i = 0; i < n; i++)
        {
            for (int j = i + 1; j < n; j++, pair++)
                distances[(i * n) + j] = distances[(j * n) + i] = double.IsFinite(found[pair]) ? found[pair] : double.PositiveInfinity;
        }
    }

    public override void WeightedSum(Rows rows, ReadOnlySpan<float> weights, float divisor, View output)
    {
        Expect(output, rows.Width, nameof(output));
        if (weights.Length != rows.Count) throw new ArgumentException($"{weights.Length} weights for {rows.Count} rows.", nameof(weights));
        if (output.Length == 0) return;
        Kernel(nameof(WeightedSum), () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, ArrayView<long>, ArrayView<float>, int, float, ArrayView<float>>(Kernels.WeightedSum.Kernel))(
            _stream, Threads(output.Length), Pointer(rows.Memory), Upload("offsets", rows.Offsets), Upload("row weights", weights), rows.Count, divisor, Pointer(output));
    }

    public override void CoordinateMedian(Rows rows, View output)
    {
        Expect(output, rows.Width, nameof(output));
        if (output.Length == 0) return;
        ArrayView<float> memory = Pointer(rows.Memory), to = Pointer(output);
        ArrayView<long> offsets = Upload("offsets", rows.Offsets);
        if (rows.Count <= SortedColumn.MostInRegisters)
        {
            (string name, Action<Index1D, ArrayView<float>, ArrayView<long>, int, ArrayView<float>> kernel) = rows.Count switch
            {
                <= 16 => ("median of 16", (Action<Index1D, ArrayView<float>, ArrayView<long>, int, ArrayView<float>>)Kernels.CoordinateMedian.Kernel16),
                <= 32 => ("median of 32", Kernels.CoordinateMedian.Kernel32),
                _ => ("median of 64", Kernels.CoordinateMedian.Kernel64),
            };
            Kernel(name, () => _accelerator.LoadAutoGroupedKernel(kernel))(_stream, Threads(output.Length), memory, offsets, rows.Count, to);
            return;
        }

        ArrayView<int> scratch = ScratchColumns(rows, out int columns);
        var tall = Kernel("median of many", () => _accelerator.LoadAutoGroupedKernel<Index1D, long, ArrayView<float>, ArrayView<long>, int, ArrayView<int>, int, ArrayView<float>>(Kernels.CoordinateMedian.TallKernel));
        for (long first = 0; first < output.Length; first += columns)
            tall(_stream, Threads(Math.Min(columns, output.Length - first)), first, memory, offsets, rows.Count, scratch, columns, to);
    }

    public override void MeanAroundMedian(Rows rows, int keep, View output)
    {
        Expect(output, rows.Width, nameof(output));
        if (keep < 1 || keep > rows.Count) throw new ArgumentOutOfRangeException(nameof(keep), $"keep = {keep} of {rows.Count} rows.");
        if (output.Length == 0) return;
        ArrayView<float> memory = Pointer(rows.Memory), to = Pointer(output);
        ArrayView<long> offsets = Upload("offsets", rows.Offsets);
        if (rows.Count <= SortedColumn.MostInRegisters)
        {
            (string name, Action<Index1D, ArrayView<float>, ArrayView<long>, int, int, ArrayView<float>> kernel) = rows.Count switch
            {
                <= 16 => ("mean around median of 16", (Action<Index1D, ArrayView<float>, ArrayView<long>, int, int, ArrayView<float>>)Kernels.MeanAroundMedian.Kernel16),
                <= 32 => ("mean around median of 32", Kernels.MeanAroundMedian.Kernel32),
                _ => ("mean around median of 64", Kernels.MeanAroundMedian.Kernel64),
            };
            Kernel(name, () => _accelerator.LoadAutoGroupedKernel(kernel))(_stream, Threads(output.Length), memory, offsets, rows.Count, keep, to);
            return;
        }

        ArrayView<int> scratch = ScratchColumns(rows, out int columns);
        var tall = Kernel("mean around median of many", () => _accelerator.LoadAutoGroupedKernel<Index1D, long, ArrayView<float>, ArrayView<long>, int, int, ArrayView<int>, int, ArrayView<float>>(Kernels.MeanAroundMedian.TallKernel));
        for (long first = 0; first < output.Length; first += columns)
            tall(_stream, Threads(Math.Min(columns, output.Length - first)), first, memory, offsets, rows.Count, keep, scratch, columns, to);
    }

    public override void SignMajority(Rows rows, View output)
    {
        Expect(output, rows.Width, nameof(output));
        if (output.Length == 0) return;
        Kernel(nameof(SignMajority), () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, ArrayView<long>, int, ArrayView<float>>(Kernels.SignMajority.Kernel))(
            _stream, Threads(output.Length), Pointer(rows.Memory), Upload("offsets", rows.Offsets), rows.Count, Pointer(output));
    }

    public override bool LeafDigests(BallotKind kind, View vector, Span<byte> leaves)
    {
        // XXH128 has other forms for short inputs: a last leaf that is not whole is hashed on the host.
        const int leafFloats = BallotTree.LeafFloats;
        int whole = (int)(vector.Length / leafFloats), rest = (int)(vector.Length % leafFloats);
        int count = kind == BallotKind.Sha256 && rest > 0 ? whole + 1 : whole, digestBytes = BallotTree.DigestBytes(kind);
        bool isFinite = true;
        if (kind != BallotKind.Sha256 && rest > 0)
        {
            Span<float> tail = stackalloc float[rest];
            Read(vector.Slice(vector.Length - rest, rest), tail);
            isFinite = Kernels.LeafDigests.Reference(kind, tail, leaves[(whole * digestBytes)..]);
        }

        if (count == 0) return isFinite;
        ArrayView<int> notFinite = Scratch<int>("not finite", count);
        if (kind == BallotKind.Sha256) Sha256(vector, count, notFinite, leaves[..(count * digestBytes)]);
        else Xxh128(vector, count, notFinite, leaves[..(count * digestBytes)]);
        if (_notFinite.Length < count) _notFinite = new int[count];
        Span<int> flags = _notFinite.AsSpan(0, count);
        notFinite.CopyToCPU(_stream, flags);
        _stream.Synchronize();
        return isFinite && !flags.ContainsAnyExcept(0);
    }

    private void Sha256(View vector, int count, ArrayView<int> notFinite, Span<byte> leaves)
    {
        ArrayView<uint> digests = Scratch<uint>("sha256 digests", count * 8L);
        Kernel("Sha256", () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, int, ArrayView<uint>, ArrayView<uint>, ArrayView<int>>(Kernels.LeafDigests.Sha256Kernel))(
            _stream, count, Pointer(vector), BallotTree.LeafFloats, Constant("sha256 constants", Kernels.LeafDigests.Sha256Constants), digests, notFinite);
        digests.CopyToCPU(_stream, MemoryMarshal.Cast<byte, uint>(leaves));
    }

    private void Xxh128(View vector, int count, ArrayView<int> notFinite, Span<byte> leaves)
    {
        ArrayView<ulong> digests = Scratch<ulong>("xxh128 digests", count * 2L);
        Kernel("Xxh128", () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, int, ArrayView<ulong>, ArrayView<ulong>, ArrayView<int>>(Kernels.LeafDigests.Xxh128Kernel))(
            _stream, count, Pointer(vector), BallotTree.LeafFloats, Constant("xxh128 secret", Kernels.LeafDigests.Xxh128Secret), digests, notFinite);
        digests.CopyToCPU(_stream, MemoryMarshal.Cast<byte, ulong>(leaves));
    }

    /// <summary>Where columns of more rows than registers hold are sorted, some at a time.</summary>
    private ArrayView<int> ScratchColumns(Rows rows, out int columns)
    {
        columns = (int)Math.Clamp(SortedColumn.ScratchValues / rows.Count, 1, rows.Width);
        return Scratch<int>("columns", (long)columns * rows.Count);
    }
}
