using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;
using Detox.Tests.Aggregation;

namespace Detox.Tests.Kernels;

/// <summary>Digests of leaves.</summary>
internal static class LeafCases
{
    public static IEnumerable<OpCase> All()
    {
        foreach (int length in (int[])[1, 12, 13, 256, 257, 770, 1023, 1024, 1025, 1600, 2060, 5000, 100_003, 300_000])
        {
            foreach (BallotKind kind in Enum.GetValues<BallotKind>())
            {
                foreach ((string what, float value, int at) in new[] { ("finite", 1f, 0), ("a NaN", float.NaN, length / 2), ("-inf", float.NegativeInfinity, length - 1), ("inf", float.PositiveInfinity, 0) })
                    yield return Case(kind, length, vectors: 1, what, value, at);
                yield return Case(kind, length, vectors: 3, "a NaN in the last", float.NaN, at: (2 * (length + 7)) + (length / 3));
            }
        }
    }

    // Vectors lie apart, the last one first.
    private static OpCase Case(BallotKind kind, int length, int vectors, string what, float value, int at) => new(
        nameof(LeafDigests), $"{kind} of {vectors} x {length} floats, {what}", length <= 2060, ExactNaN: true, o =>
        {
            int stride = length + 7;
            float[] memory = SampleRows.Values(vectors * stride, 70, wild: false);
            memory[at] = value;
            long[] offsets = [.. Enumerable.Range(0, vectors).Select(vector => (long)(vectors - 1 - vector) * stride)];
            byte[] leaves = new byte[vectors * BallotTree.LeavesIn(length) * BallotTree.DigestBytes(kind)];
            bool[] areFinite = new bool[vectors];
            areFinite.AsSpan().Fill(!float.IsFinite(value));
            o.Device.Run(new LeafDigests(kind, new Rows(o.Of(memory), offsets, length), leaves, areFinite));
            o.Record(leaves);
            foreach (bool isFinite in areFinite) o.Record(isFinite);
        });
}
