using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices.Cpu;

/// <summary>The host's processor: SIMD of whatever width it has, one thread or several, always the same bits.</summary>
public sealed unsafe class CpuDevice : Device
{
    private readonly ThreadTeam _team;
    private readonly Dictionary<object, CpuBuffer> _scratch = [];
    private int _lanes = WidestLanes;
    private int _fusingLanes = FusingLanes[0];

    /// <param name="threads">Threads that share an op; each output is computed by one of them.</param>
    public CpuDevice(int threads) => _team = new ThreadTeam(threads);

    /// <summary>Every number of floats in a vector that this processor multiplies and adds at once, the largest first.</summary>
    public static IReadOnlyList<int> FusingLanes { get; } = Vector512.IsHardwareAccelerated ? [16, 8, 4]
        : Vector256.IsHardwareAccelerated && Fma.IsSupported ? [8, 4]
        : AdvSimd.Arm64.IsSupported ? [4] : [1];

    /// <summary>Floats in this processor's widest vector.</summary>
    public static int WidestLanes => Vector512.IsHardwareAccelerated ? 16
        : Vector256.IsHardwareAccelerated ? 8
        : Vector128.IsHardwareAccelerated ? 4 : 1;

    public override string Name => $"cpu ({(_lanes == 1 ? "scalar" : $"{32 * _lanes}-bit SIMD")}, {Threads} {(Threads == 1 ? "thread" : "threads")})";

    public int Threads => _team.Size;

    public override bool SharesHostMemory => true;

    /// <summary>Floats in a vector: 16, 8, 4 or 1; the processor's own at first. Every choice gives the same bits.</summary>
    public int Lanes
    {
        get => _lanes;
        set => _lanes = _fusingLanes = value;
    }

    public override DeviceBuffer Allocate(long length) => new CpuBuffer(length);

    /// <summary>0: a CPU device's memory is the process's own.</summary>
    public override long AllocatedBytes => 0;

    public override Memory<float> AllocateHost(int length) => GC.AllocateArray<float>(length, pinned: true);

    public override Memory<float> HostMemory(View view) => ((CpuBuffer)view.Buffer).Slice(view.Offset, view.Length);

    /// <summary>The floats of a view of any <see cref="CpuDevice"/>.</summary>
    public static Span<float> Floats(View view) => view.Floats;

    public override void Write(ReadOnlySpan<float> from, View to)
    {
        to.Expect(from.Length);
        from.CopyTo(to.Floats);
    }

    public override void Read(View from, Span<float> to)
    {
        from.Expect(to.Length);
        from.Floats.CopyTo(to);
    }

    public override void Copy(View from, View to)
    {
        to.Expect(from.Length);
        Buffer.MemoryCopy(Pointer(from), Pointer(to), to.Length * sizeof(float), from.Length * sizeof(float));
    }

    public override void Dispose()
    {
        _team.Dispose();
        foreach (CpuBuffer kept in _scratch.Values) kept.Dispose();
    }

    protected override void Execute<TOp>(in TOp op) => op.Run(this);

    internal static float* Pointer(View view) => ((CpuBuffer)view.Buffer).Pointer + view.Offset;

    /// <summary>Null where there is no view.</summary>
    internal static float* Pointer(View? view) => view is { } given ? Pointer(given) : null;

    /// <summary>Runs the op with vectors of the processor's width.</summary>
    internal void AtItsWidth<TOp>(in TOp op)
        where TOp : struct, IVectorOp, allows ref struct
    {
        switch (TOp.Fuses ? _fusingLanes : _lanes)
        {
            case 16: op.Run<Lanes512, Vector512<float>>(this); break;
            case 8: op.Run<Lanes256, Vector256<float>>(this); break;
            case 4: op.Run<Lanes128, Vector128<float>>(this); break;
            default: op.Run<Lanes32, float>(this); break;
        }
    }

    /// <summary>The threads share the pieces 0 to pieces - 1. Which of them takes which must not change any bit.</summary>
    /// <param name="work">A local of the caller: it must not live on the managed heap.</param>
    internal void Share<TWork>(int pieces, ref TWork work)
        where TWork : struct, IPieces
        => _team.Run(pieces, ref work);

    /// <summary>Memory for one purpose, at least so long. What is new of it is zeros; else it holds what its last user left.</summary>
    internal T* Room<T>(Scratch<T> purpose, long length)
        where T : unmanaged
    {
        long floats = ((length * sizeof(T)) + sizeof(float) - 1) / sizeof(float);
        if (!_scratch.TryGetValue(purpose, out CpuBuffer? kept) || kept.Length < floats)
        {
            kept?.Dispose();
            _scratch[purpose] = kept = new CpuBuffer(floats);
        }

        return (T*)kept.Pointer;
    }

    /// <summary>How many blocks cover a length.</summary>
    internal static int Blocks(long length, int block) => checked((int)((length + block - 1) / block));
}
