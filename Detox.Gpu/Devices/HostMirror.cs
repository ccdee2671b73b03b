namespace Detox.Gpu.Devices;

/// <summary>A view's floats where the host, and MPI, can read and write them: the device's own memory where it is the
/// host's, else a copy that moves only when it is told to.</summary>
public sealed class HostMirror
{
    private readonly Device _device;
    private readonly View _view;

    public HostMirror(Device device, View view)
    {
        _device = device;
        _view = view;
        Memory = device.SharesHostMemory ? device.HostMemory(view) : device.AllocateHost(checked((int)view.Length));
    }

    public Memory<float> Memory { get; }

    public Span<float> Span => Memory.Span;

    /// <summary>After the device has written: the host's floats become the device's.</summary>
    public void Fetch()
    {
        if (!_device.SharesHostMemory) _device.Read(_view, Memory.Span);
    }

    /// <summary>The same, but they are there only when the device is next waited for: see <see cref="Device.BeginRead"/>.</summary>
    public void BeginFetch()
    {
        if (!_device.SharesHostMemory) _device.BeginRead(_view, Memory.Span);
    }

    /// <summary>After the host has written: the device's floats become the host's.</summary>
    public void Send()
    {
        if (!_device.SharesHostMemory) _device.Write(Memory.Span, _view);
    }
}
