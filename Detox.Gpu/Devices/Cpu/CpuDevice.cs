using System.Runtime.Intrinsics;

namespace Detox.Gpu.Devices.Cpu;

/// <summary>The host's processor: SIMD of whatever width it has, one thread or several, always the same bits.</summary>
public sealed unsafe partial class CpuDevice : Device
{
    private readonly ThreadTeam _team;

    /// <param name="threads">Threads that share an op; each output is computed by one of them.</param>
    public CpuDevice(int threads)
    {
        _team = new ThreadTeam(threads);
        string simd = Vector512.IsHardwareAccelerated ? "512-bit SIMD"
            : Vector256.IsHardwareAccelerated ? "256-bit SIMD"
            : Vector128.IsHardwareAccelerated ? "128-bit SIMD" : "scalar";
        Name = $"cpu ({simd}, {threads} {(threads == 1 ? "thread" : "threads")})";
    }

    public override string Name { get; }

    public int Threads => _team.Size;

    public override bool SharesHostMemory => true;

    public override DeviceBuffer Allocate(long length) => new CpuBuffer(length);

    /// <summary>0: a CPU device's memory is the process's own.</summary>
    public override long AllocatedBytes => 0;

    public override Memory<float> AllocateHost(int length) => GC.AllocateArray<float>(length, pinned: true);

    public override Memory<float> HostMemory(View view) => ((CpuBuffer)view.Buffer).Slice(view.Offset, view.Length);

    /// <summary>The floats of a view of any <see cref="CpuDevice"/>.</summary>
    public static Span<float> Floats(View view) => ((CpuBuffer)view.Buffer).Slice(view.Offset, view.Length).Span;

    public override void Write(ReadOnlySpan<float> from, View to) => from.CopyTo(Span(to, from.Length));

    public override void Read(View from, Span<float> to) => Span(from, to.Length).CopyTo(to);

    public override void Copy(View from, View to)
    {
        if (from.Length != to.Length) throw LengthMismatch(from.Length, to.Length);
        Buffer.MemoryCopy(Pointer(from), Pointer(to), to.Length * sizeof(float), from.Length * sizeof(float));
    }

    public override void Fill(View view, float value) => Span(view, view.Length).Fill(value);

    public override void Dispose() => _team.Dispose();

    internal static float* Pointer(View view) => ((CpuBuffer)view.Buffer).Pointer + view.Offset;

    private static Span<float> Span(View view, long length)
        => view.Length == length ? new Span<float>(Pointer(view), checked((int)length)) : throw LengthMismatch(view.Length, length);

    private static ArgumentException LengthMismatch(long found, long expected)
        => new($"A view of {found} floats where {expected} are expected.");
}
