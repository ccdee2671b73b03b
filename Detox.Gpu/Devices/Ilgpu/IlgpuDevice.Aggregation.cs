using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

public sealed partial class IlgpuDevice
{
    public override void PairwiseSquaredDistances(Rows rows, Span<double> distances)
    {
        int n = rows.Count, pairs = n * (n - 1) / 2;
        if (distances.Length != n * n) throw new ArgumentException($"distances: {distances.Length} places for {n} x {n}.", nameof(distances));
        distances.Clear();
        if (pairs == 0 || rows.Width == 0) return;
        int width = checked((int)rows.Width), chunks = (width + Kernels.PairwiseSquaredDistances.Chunk - 1) / Kernels.PairwiseSquaredDistances.Chunk;
        ArrayView<float> lanes = Scratch<float>("lanes", (long)pairs * chunks * Kernels.PairwiseSquaredDistances.Lanes);
        ArrayView<double> sums = Scratch<double>("pairs", pairs);
        Kernel(nameof(PairwiseSquaredDistances), () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, ArrayView<long>, int, int, int, ArrayView<float>>(Kernels.PairwiseSquaredDistances.LaneKernel))(
            _stream, Threads(lanes.Length), Pointer(rows.Memory), Upload("offsets", rows.Offsets), n, width, chunks, lanes);
        Kernel("JoinLanes", () => _accelerator.LoadAutoGroupedKernel<Index1D, int, ArrayView<float>, ArrayView<double>>(Kernels.PairwiseSquaredDistances.JoinKernel))(
            _stream, pairs, chunks, lanes, sums);
        double[] found = new double[pairs];
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
        ExpectSortable(rows);
        if (output.Length == 0) return;
        Kernel(nameof(CoordinateMedian), () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, ArrayView<long>, int, ArrayView<float>>(Kernels.CoordinateMedian.Kernel))(
            _stream, Threads(output.Length), Pointer(rows.Memory), Upload("offsets", rows.Offsets), rows.Count, Pointer(output));
    }

    public override void MeanAroundMedian(Rows rows, int keep, View output)
    {
        Expect(output, rows.Width, nameof(output));
        ExpectSortable(rows);
        if (keep < 1 || keep > rows.Count) throw new ArgumentOutOfRangeException(nameof(keep), $"keep = {keep} of {rows.Count} rows.");
        if (output.Length == 0) return;
        Kernel(nameof(MeanAroundMedian), () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, ArrayView<long>, int, int, ArrayView<float>>(Kernels.MeanAroundMedian.Kernel))(
            _stream, Threads(output.Length), Pointer(rows.Memory), Upload("offsets", rows.Offsets), rows.Count, keep, Pointer(output));
    }

    public override void SignMajority(Rows rows, View output)
    {
        Expect(output, rows.Width, nameof(output));
        if (output.Length == 0) return;
        Kernel(nameof(SignMajority), () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, ArrayView<long>, int, ArrayView<float>>(Kernels.SignMajority.Kernel))(
            _stream, Threads(output.Length), Pointer(rows.Memory), Upload("offsets", rows.Offsets), rows.Count, Pointer(output));
    }

    /// <remarks>SHA-256 is hashed on the device. XXH128, which is for hosts that trust each other, is hashed on the host.</remarks>
    public override bool LeafDigests(BallotKind kind, View vector, Span<byte> leaves)
    {
        if (kind != BallotKind.Sha256)
        {
            float[] values = new float[vector.Length];
            Read(vector, values);
            return Kernels.LeafDigests.Reference(kind, values, leaves);
        }

        int count = (int)((vector.Length + BallotTree.LeafFloats - 1) / BallotTree.LeafFloats);
        ArrayView<uint> constants = Upload<uint>("sha256", Kernels.LeafDigests.Sha256Constants);
        ArrayView<uint> digests = Scratch<uint>("digests", count * 8L);
        ArrayView<int> notFinite = Scratch<int>("not finite", count);
        Kernel(nameof(LeafDigests), () => _accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, int, ArrayView<uint>, ArrayView<uint>, ArrayView<int>>(Kernels.LeafDigests.Sha256Kernel))(
            _stream, count, Pointer(vector), BallotTree.LeafFloats, constants, digests, notFinite);
        int[] flags = new int[count];
        digests.CopyToCPU(_stream, MemoryMarshal.Cast<byte, uint>(leaves[..(count * 32)]));
        notFinite.CopyToCPU(_stream, flags);
        _stream.Synchronize();
        return !Array.Exists(flags, flag => flag != 0);
    }

    private void ExpectSortable(Rows rows)
    {
        if (rows.Count > SortedColumn.MostRows)
            throw new DeviceException($"{Name} sorts columns of at most {SortedColumn.MostRows} rows, not of {rows.Count}: take buckets, or --device cpu.");
    }
}
