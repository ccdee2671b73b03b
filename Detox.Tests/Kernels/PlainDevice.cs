using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Reference = Detox.Gpu.Kernels;

namespace Detox.Tests.Kernels;

/// <summary>The device that the others are compared with: every op is its definition, plain loops.</summary>
internal sealed class PlainDevice : Device
{
    public override string Name => "plain";

    public override bool SharesHostMemory => false;

    public override DeviceBuffer Allocate(long length) => new CpuBuffer(length);

    public override Memory<float> HostMemory(View view) => throw new NotSupportedException("Nothing here asks for it.");

    public override void Write(ReadOnlySpan<float> from, View to) => from.CopyTo(Floats(to));

    public override void Read(View from, Span<float> to) => Floats(from).CopyTo(to);

    public override void Copy(View from, View to) => Floats(from).CopyTo(Floats(to));

    public override void PairwiseSquaredDistances(Rows rows, Span<double> distances)
        => Reference.PairwiseSquaredDistances.Reference(Floats(rows.Memory), rows.Offsets, (int)rows.Width, distances);

    public override void WeightedSum(Rows rows, ReadOnlySpan<float> weights, float divisor, View output)
        => Reference.WeightedSum.Reference(Floats(rows.Memory), rows.Offsets, weights, divisor, Floats(output));

    public override void CoordinateMedian(Rows rows, View output) => Reference.CoordinateMedian.Reference(Floats(rows.Memory), rows.Offsets, Floats(output));

    public override void MeanAroundMedian(Rows rows, int keep, View output)
        => Reference.MeanAroundMedian.Reference(Floats(rows.Memory), rows.Offsets, keep, Floats(output));

    public override void SignMajority(Rows rows, View output) => Reference.SignMajority.Reference(Floats(rows.Memory), rows.Offsets, Floats(output));

    public override bool LeafDigests(BallotKind kind, View vector, Span<byte> leaves) => Reference.LeafDigests.Reference(kind, Floats(vector), leaves);

    public override long AllocatedBytes => 0;

    public override Memory<float> AllocateHost(int length) => new float[length];

    protected override void Execute<TOp>(in TOp op) => op.Reference();

    public override void Dispose()
    {
    }

    private static Span<float> Floats(View view) => CpuDevice.Floats(view);

    private static Span<float> Floats(View? view) => view is { } given ? CpuDevice.Floats(given) : [];
}
