using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices.Cpu;

public sealed unsafe partial class CpuDevice
{
    private readonly Dictionary<(int N, bool Median), SortingNetwork> _networks = [];

    // Pinned, and kept for the next call: the pointers that the threads of a pass share.
    private nint[] _rowPointers = [];
    private float[] _rowWeights = [];
    private double[] _segmentSums = [];

    public override void PairwiseSquaredDistances(Rows rows, Span<double> distances)
    {
        int n = rows.Count;
        if (distances.Length != n * n)
            throw new ArgumentException($"{distances.Length} distances where {n} rows have {n * n}.", nameof(distances));
        distances.Clear();
        if (n == 0 || rows.Width == 0) return;
        RowPointers(rows);
        switch (PassLanes)
        {
            case 16: Distances<Lanes512, Vector512<float>>(n, rows.Width, distances); break;
            case 8: Distances<Lanes256, Vector256<float>>(n, rows.Width, distances); break;
            case 4: Distances<Lanes128, Vector128<float>>(n, rows.Width, distances); break;
            default: Distances<Lanes32, float>(n, rows.Width, distances); break;
        }
    }

    public override void WeightedSum(Rows rows, ReadOnlySpan<float> weights, float divisor, View output)
    {
        if (weights.Length != rows.Count)
            throw new ArgumentException($"{weights.Length} weights for {rows.Count} rows.", nameof(weights));
        CheckOutput(rows, output);
        RowPointers(rows);
        Grow(ref _rowWeights, rows.Count);
        int n = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] == 0) continue;
            _rowPointers[n] = _rowPointers[i];
            _rowWeights[n++] = weights[i];
        }

        switch (PassLanes)
        {
            case 16: Sum<Lanes512, Vector512<float>>(n, divisor, output); break;
            case 8: Sum<Lanes256, Vector256<float>>(n, divisor, output); break;
            case 4: Sum<Lanes128, Vector128<float>>(n, divisor, output); break;
            default: Sum<Lanes32, float>(n, divisor, output); break;
        }
    }

    public override void CoordinateMedian(Rows rows, View output)
        => Sorted(rows, Network(rows.Count, true), new CoordinateMedian.Cpu { N = rows.Count }, output);

    public override void MeanAroundMedian(Rows rows, int keep, View output)
    {
        if (keep < 1 || keep > rows.Count)
            throw new ArgumentOutOfRangeException(nameof(keep), $"Cannot keep {keep} of {rows.Count} values.");
        Sorted(rows, Network(rows.Count, false), new MeanAroundMedian.Cpu { N = rows.Count, Keep = keep }, output);
    }

    public override void SignMajority(Rows rows, View output)
    {
        CheckOutput(rows, output);
        RowPointers(rows);
        switch (PassLanes)
        {
            case 16: Signs<Lanes512, Vector512<float>>(rows.Count, output); break;
            case 8: Signs<Lanes256, Vector256<float>>(rows.Count, output); break;
            case 4: Signs<Lanes128, Vector128<float>>(rows.Count, output); break;
            default: Signs<Lanes32, float>(rows.Count, output); break;
        }
    }

    public override bool LeafDigests(BallotKind kind, View vector, Span<byte> leaves)
    {
        int digestBytes = BallotTree.DigestBytes(kind);
        long count = (vector.Length + BallotTree.LeafFloats - 1) / BallotTree.LeafFloats;
        if (leaves.Length != count * digestBytes)
            throw new ArgumentException($"{leaves.Length} bytes where {count} leaf digests take {count * digestBytes}.", nameof(leaves));
        fixed (byte* to = leaves)
        {
            var work = new Kernels.LeafDigests.Cpu { Kind = kind, Vector = Pointer(vector), Length = vector.Length, Leaves = to };
            _team.Run((int)((count + Kernels.LeafDigests.Cpu.Block - 1) / Kernels.LeafDigests.Cpu.Block), ref work);
            return work.NotFinite == 0;
        }
    }

    private static void CheckOutput(Rows rows, View output)
    {
        if (rows.Count == 0) throw new ArgumentException("A pass over no rows has no result.", nameof(rows));
        if (output.Length != rows.Width) throw LengthMismatch(output.Length, rows.Width);
    }

    private static void Grow<T>(ref T[] scratch, long length)
    {
        if (scratch.Length < length) scratch = GC.AllocateUninitializedArray<T>(checked((int)length), pinned: true);
    }

    private void RowPointers(Rows rows)
    {
        Grow(ref _rowPointers, rows.Count);
        float* memory = Pointer(rows.Memory);
        for (int i = 0; i < rows.Count; i++) _rowPointers[i] = (nint)(memory + rows.Offsets[i]);
    }

    private SortingNetwork Network(int n, bool median)
    {
        if (n == 0) throw new ArgumentException("A column of no rows has no median.");
        if (!_networks.TryGetValue((n, median), out SortingNetwork? network))
            _networks[(n, median)] = network = median ? Kernels.CoordinateMedian.Network(n) : Kernels.MeanAroundMedian.Network(n);
        return network;
    }

    // Segments go in waves, so that a sum a pair and segment stays small memory however many rows there are.
    private void Distances<TLanes, V>(int n, long width, Span<double> distances)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        int pairs = n * n;
        int segments = checked((int)((width + Kernels.PairwiseSquaredDistances.Segment - 1) / Kernels.PairwiseSquaredDistances.Segment));
        int wave = Math.Min(segments, Math.Max(Threads, (4 << 20) / pairs));
        Grow(ref _segmentSums, (long)wave * pairs);
        double* sums = Address(_segmentSums);
        for (int first = 0; first < segments; first += wave)
        {
            int count = Math.Min(wave, segments - first);
            var work = new PairwiseSquaredDistances.Cpu<TLanes, V>
            {
                Rows = (float**)Address(_rowPointers),
                N = n,
                Width = width,
                FirstSegment = first,
                Sums = sums,
            };
            _team.Run(count, ref work);
            for (int segment = 0; segment < count; segment++)
                for (int i = 0; i < n; i++)
                    for (int j = i + 1; j < n; j++)
                        distances[(i * n) + j] += sums[((long)segment * pairs) + (i * n) + j];
        }

        for (int i = 0; i < n; i++)
        {
            for (int j = i + 1; j < n; j++)
            {
                double sum = distances[(i * n) + j];
                distances[(i * n) + j] = distances[(j * n) + i] = double.IsFinite(sum) ? sum : double.PositiveInfinity;
            }
        }
    }

    private void Sum<TLanes, V>(int n, float divisor, View output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        var work = new WeightedSum.Cpu<TLanes, V>
        {
            Rows = (float**)Address(_rowPointers),
            Weights = Address(_rowWeights),
            N = n,
            Divisor = divisor,
            Output = Pointer(output),
            Width = output.Length,
            Pieces = Blocks(output.Length, Kernels.WeightedSum.Cpu<TLanes, V>.Block),
        };
        _team.Run(work.Pieces, ref work);
    }

    private void Signs<TLanes, V>(int n, View output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        var work = new SignMajority.Cpu<TLanes, V>
        {
            Rows = (float**)Address(_rowPointers),
            N = n,
            Output = Pointer(output),
            Width = output.Length,
        };
        _team.Run(Blocks(output.Length, Kernels.SignMajority.Cpu<TLanes, V>.Block), ref work);
    }

    private void Sorted<TOp>(Rows rows, SortingNetwork network, TOp op, View output)
        where TOp : struct, ISortedColumns
    {
        CheckOutput(rows, output);
        RowPointers(rows);
        switch (PassLanes)
        {
            case 16: Sorted<Lanes512, Vector512<float>, TOp>(rows.Count, network, op, output); break;
            case 8: Sorted<Lanes256, Vector256<float>, TOp>(rows.Count, network, op, output); break;
            case 4: Sorted<Lanes128, Vector128<float>, TOp>(rows.Count, network, op, output); break;
            default: Sorted<Lanes32, float, TOp>(rows.Count, network, op, output); break;
        }
    }

    private void Sorted<TLanes, V, TOp>(int n, SortingNetwork network, TOp op, View output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        where TOp : struct, ISortedColumns
    {
        var work = new SortedColumns<TLanes, V, TOp>
        {
            Rows = (float**)Address(_rowPointers),
            N = n,
            Pairs = Address(network.Pairs),
            PairCount = network.Count,
            Output = Pointer(output),
            Width = output.Length,
            Op = op,
        };
        _team.Run(Blocks(output.Length, SortedColumns<TLanes, V, TOp>.Block), ref work);
    }

    // Only for pinned arrays.
    private static T* Address<T>(T[] pinned)
        where T : unmanaged
        => (T*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));
}
