using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Detox.Gpu.Devices.Ilgpu;

/// <summary>A device of ILGPU: a GPU by CUDA or OpenCL, or ILGPU's own simulator of one.</summary>
/// <remarks>Every op is a kernel, compiled when it is first used, on one stream. Scratch memory is kept from call to call.</remarks>
public sealed class IlgpuDevice : Device
{
    private readonly Context _context;
    private readonly Accelerator _accelerator;
    private readonly AcceleratorStream _stream;
    private readonly ILauncher _launcher;
    private readonly Dictionary<object, MemoryBuffer> _scratch = [];
    private readonly Transfers _transfers;
    private long _bufferBytes;
    private long _launches;

    private IlgpuDevice(Context context, Accelerator accelerator, ILauncher? launcher)
    {
        _context = context;
        _accelerator = accelerator;
        _stream = accelerator.DefaultStream;
        _transfers = new Transfers(accelerator, _stream);
        _launcher = launcher ?? new Launcher(accelerator, _stream);
    }

    public override string Name => $"{_accelerator.AcceleratorType switch
    {
        AcceleratorType.CPU => "simulator",
        AcceleratorType.OpenCL => "opencl",
        _ => "cuda",
    }} ({_accelerator.Name})";

    public override bool SharesHostMemory => false;

    internal bool IsOpenCl => _accelerator.AcceleratorType == AcceleratorType.OpenCL;

    public override Memory<float> HostMemory(View view) => throw new NotSupportedException($"{Name} has memory of its own.");

    /// <summary>Opens the device of a kind and number; an error says what is missing and what to do.</summary>
    /// <exception cref="DeviceException">There is no such device here, or it lacks what the kernels need.</exception>
    /// <param name="choose">Of so many devices, the number of the one to open.</param>
    public static IlgpuDevice Open(IlgpuKind kind, Func<int, int> choose) => Open(kind, choose, launcher: null);

    /// <param name="launcher">Starts the kernels instead of ILGPU.</param>
    internal static IlgpuDevice Open(IlgpuKind kind, Func<int, int> choose, ILauncher? launcher)
    {
        Context context;
        IReadOnlyList<string> leftOut;
        try
        {
            context = IlgpuDevices.CreateContext(kind, out leftOut);
        }
        catch (Exception error) when (IlgpuDevices.IsMissingDriver(error))
        {
            throw new DeviceException($"{IlgpuDevices.Missing(kind)} ({error.Message})", error);
        }

        IlgpuDevice device;
        try
        {
            ILGPU.Runtime.Device[] devices = IlgpuDevices.Of(context, kind);
            if (devices.Length == 0) throw new DeviceException(string.Join("; ", [IlgpuDevices.Missing(kind), .. leftOut]));
            int index = choose(devices.Length);
            if (index < 0 || index >= devices.Length)
                throw new DeviceException($"there is no {IlgpuDevices.NameOf(kind)} device {index}: this machine has {devices.Length}, from 0 ({string.Join(", ", devices.Select(device => device.Name))}).");
            device = new IlgpuDevice(context, devices[index].CreateAccelerator(context), launcher);
        }
        catch (AcceleratorException error)
        {
            context.Dispose();
            throw new DeviceException($"the {IlgpuDevices.NameOf(kind)} device cannot be opened: {error.Message}. Other processes may hold it or its memory; take --device cpu.", error);
        }
        catch
        {
            context.Dispose();
            throw;
        }

        try
        {
            DeviceCheck.Run(device);
            return device;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>The devices of a kind that this machine has: what --device calls each, and what it is; or why there is none.</summary>
    public static IReadOnlyList<(string Name, string Found)> Find(IlgpuKind kind)
    {
        string name = IlgpuDevices.NameOf(kind);
        try
        {
            using Context context = IlgpuDevices.CreateContext(kind, out IReadOnlyList<string> leftOut);
            ILGPU.Runtime.Device[] devices = IlgpuDevices.Of(context, kind);
            List<(string, string)> found = [.. devices.Select((device, i) => ($"{name}:{i}", $"{device.Name}, {device.MemorySize / 1e9:F1} GB"))];
            found.AddRange(leftOut.Select(reason => (name, reason)));
            return found.Count > 0 ? found : [(name, IlgpuDevices.Missing(kind))];
        }
        catch (Exception error) when (IlgpuDevices.IsMissingDriver(error))
        {
            return [(name, $"{IlgpuDevices.Missing(kind)} ({error.Message})")];
        }
    }

    /// <summary>How many devices of a kind this machine has.</summary>
    public static int Count(IlgpuKind kind)
    {
        using Context context = IlgpuDevices.CreateContext(kind);
        return IlgpuDevices.Of(context, kind).Length;
    }

    /// <summary>The numbers of the GPUs of a kind; none without a driver. OpenCL on the host's own processor is none.</summary>
    public static IReadOnlyList<int> Gpus(IlgpuKind kind)
    {
        try
        {
            using Context context = IlgpuDevices.CreateContext(kind);
            ILGPU.Runtime.Device[] devices = IlgpuDevices.Of(context, kind);
            return [.. Enumerable.Range(0, devices.Length).Where(i => devices[i] is CudaDevice or CLDevice { DeviceType: not CLDeviceType.CL_DEVICE_TYPE_CPU })];
        }
        catch (Exception error) when (IlgpuDevices.IsMissingDriver(error))
        {
            return [];
        }
    }

    public override DeviceWork Work => new(_launches, _transfers.Waits, _transfers.BytesCopied);

    public override long AllocatedBytes => _bufferBytes + _scratch.Values.Sum(memory => memory.LengthInBytes);

    public override DeviceBuffer Allocate(long length)
    {
        long bytes = Math.Max(1, length) * sizeof(float);
        IlgpuBuffer buffer = WithRoom(bytes, () => new IlgpuBuffer(_accelerator, length, released => _bufferBytes -= released));
        _bufferBytes += bytes;
        return buffer;
    }

    public override Memory<float> AllocateHost(int length) => _transfers.AllocateHost<float>(length).AsMemory(0, length);

    public override void Write(ReadOnlySpan<float> from, View to)
    {
        to.Expect(from.Length);
        _transfers.ToDevice(from, Floats(to));
    }

    public override void Read(View from, Span<float> to)
    {
        from.Expect(to.Length);
        _transfers.ToHost(Floats(from), to);
    }

    public override void BeginRead(View from, Span<float> to)
    {
        from.Expect(to.Length);
        _transfers.BeginToHost(Floats(from), to);
    }

    public override void Copy(View from, View to)
    {
        to.Expect(from.Length);
        if (from.Length > 0) Floats(from).CopyTo(_stream, Floats(to));
    }

    public override void Dispose()
    {
        foreach (MemoryBuffer memory in _scratch.Values) memory.Dispose();
        _transfers.Dispose();
        _accelerator.Dispose();
        _context.Dispose();
    }

    protected override void Execute<TOp>(in TOp op) => op.Run(this);

    internal static ArrayView<float> Floats(View view) => ((IlgpuBuffer)view.Buffer).Slice(view.Offset, view.Length);

    /// <summary>Starts a kernel: so many groups of it.</summary>
    internal void Launch<TKernel>(long groups, in TKernel kernel)
        where TKernel : struct, IKernel
    {
        if (groups == 0) return;
        _launches++;
        _launcher.Launch(checked((int)groups), kernel);
    }

    /// <summary>Starts a thread for each number from 0 to count - 1.</summary>
    internal void Each<TThread>(long count, in TThread thread)
        where TThread : struct, IThread
        => Launch((count + Kernels.Each<TThread>.Threads - 1) / Kernels.Each<TThread>.Threads, new Each<TThread>(count, thread));

    /// <summary>Memory for one purpose, at least so long; it holds what its last user left.</summary>
    internal ArrayView<T> Room<T>(Scratch<T> purpose, long length)
        where T : unmanaged
    {
        if (!_scratch.TryGetValue(purpose, out MemoryBuffer? kept) || ((MemoryBuffer1D<T, Stride1D.Dense>)kept).Length < length) kept = Grown(purpose, length);
        return ((MemoryBuffer1D<T, Stride1D.Dense>)kept).View.AsGeneral().BaseView.SubView(0, length);
    }

    /// <summary>Values that never change: they go to the device when they are first asked for.</summary>
    internal ArrayView<T> Constant<T>(Scratch<T> purpose, T[] values)
        where T : unmanaged
        => _scratch.ContainsKey(purpose) ? Room(purpose, values.Length) : Upload<T>(purpose, values);

    internal ArrayView<T> Upload<T>(Scratch<T> purpose, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        ArrayView<T> memory = Room(purpose, values.Length);
        _transfers.ToDevice(values, memory);
        return memory;
    }

    /// <summary>Page-locked memory of the host for one purpose, at least so long; it holds what its last user left.</summary>
    internal Span<T> HostRoom<T>(Scratch<T> purpose, int length)
        where T : unmanaged
        => _transfers.Room(purpose, length);

    /// <summary>Starts to copy to <see cref="HostRoom"/>, which has the values after <see cref="Wait"/>.</summary>
    internal void BeginDownload<T>(ArrayView<T> memory, Span<T> to)
        where T : unmanaged
        => _transfers.BeginToHost(memory, to);

    /// <summary>Waits for all that has been started.</summary>
    internal void Wait() => _transfers.Wait();

    /// <summary>Waits for all that has been started, and copies to the host.</summary>
    internal void Download<T>(ArrayView<T> memory, Span<T> to)
        where T : unmanaged
        => _transfers.ToHost(memory, to);

    // On its own: a lambda's captures are allocated where its method begins.
    private MemoryBuffer Grown<T>(Scratch<T> purpose, long length)
        where T : unmanaged
    {
        if (_scratch.Remove(purpose, out MemoryBuffer? kept)) kept.Dispose();
        return _scratch[purpose] = WithRoom(length * Interop.SizeOf<T>(), () => _accelerator.Allocate1D<T>(Math.Max(1, length)));
    }

    private T WithRoom<T>(long bytes, Func<T> allocate)
    {
        try
        {
            return allocate();
        }
        catch (AcceleratorException error)
        {
            throw new DeviceException($"{Name} has no room for {bytes / 1e6:F0} MB more beside the {AllocatedBytes / 1e6:F0} MB of this rank ({error.Message}): take fewer ranks a device, a smaller batch, or --device cpu.", error);
        }
    }
}

/// <summary>A device that is not there, or cannot do what the kernels need.</summary>
public sealed class DeviceException(string message, Exception? inner = null) : Exception(message, inner);
