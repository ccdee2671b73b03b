using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;
using Detox.Tests.Aggregation;

namespace Detox.Tests.Kernels;

/// <summary>Digests of leaves.</summary>
internal static class LeafCases
{
    public static IEnumerable<OpCase> All()
    {
        foreach (int length in (int[])[1, 12, 13, 1023, 1024, 1025, 2060, 5000, 100_003, 300_000])
        {
            foreach (BallotKind kind in Enum.GetValues<BallotKind>())
            {
                foreach ((string what, float value, int at) in new[] { ("finite", 1f, 0), ("a NaN", float.NaN, length / 2), ("-inf", float.NegativeInfinity, length - 1), ("inf", float.PositiveInfinity, 0) })
                {
                    yield return new(nameof(LeafDigests), $"{kind} of {length} floats, {what}", length <= 2060, ExactNaN: true, o =>
                    {
                        float[] vector = SampleRows.Values(length, 70, wild: false);
                        vector[at] = value;
                        byte[] leaves = new byte[(length + BallotTree.LeafFloats - 1) / BallotTree.LeafFloats * BallotTree.DigestBytes(kind)];
                        bool isFinite = !float.IsFinite(value);
                        o.Device.Run(new LeafDigests(kind, o.Of(vector), leaves, ref isFinite));
                        o.Record(leaves);
                        o.Record(isFinite);
                    });
                }
            }
        }
    }
}
