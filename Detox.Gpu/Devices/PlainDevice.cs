using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Devices;

/// <summary>The device that the others are compared with: every op is its definition, plain loops.</summary>
public sealed class PlainDevice : Device
{
    public override string Name => "plain";

    public override bool SharesHostMemory => false;

    public override long AllocatedBytes => 0;

    public override DeviceBuffer Allocate(long length) => new CpuBuffer(length);

    public override Memory<float> AllocateHost(int length) => new float[length];

    public override Memory<float> HostMemory(View view) => throw new NotSupportedException("Nothing here asks for it.");

    public override void Write(ReadOnlySpan<float> from, View to) => from.CopyTo(to.Floats);

    public override void Read(View from, Span<float> to) => from.Floats.CopyTo(to);

    public override void Copy(View from, View to) => from.Floats.CopyTo(to.Floats);

    public override void Dispose()
    {
    }

    protected override void Execute<TOp>(in TOp op) => op.Reference();
}
