using Detox.Gpu.Devices;

namespace Detox.Mpi.Training;

/// <summary>Where vectors arrive at rank 0: each in memory that the rules read it from, so that none is copied.</summary>
/// <remarks>There is a slot for each group's winner, and more for vectors that turn out to be wrong, and for those of ranks that stopped in
/// the middle, which keep their slot. The last one given back is the first one taken, so that memory nobody needs is never touched.</remarks>
internal sealed class VectorSlots : IDisposable
{
    private readonly DeviceBuffer _buffer;
    private readonly Stack<VectorSlot> _free = [];

    public VectorSlots(Device device, int count, int payloadLength)
    {
        const long line = Head.Floats;
        long stride = Head.Floats + ((payloadLength + line - 1) / line * line);
        _buffer = device.Allocate(stride * count);
        for (int slot = count - 1; slot >= 0; slot--)
            _free.Push(new VectorSlot(device, _buffer.All.Slice(slot * stride, Head.Floats + (long)payloadLength)));
    }

    /// <summary>Holds every slot.</summary>
    public View Memory => _buffer.All;

    /// <summary>Null where all are taken.</summary>
    public VectorSlot? TryTake() => _free.TryPop(out VectorSlot? slot) ? slot : null;

    public void GiveBack(VectorSlot slot) => _free.Push(slot);

    public void Dispose() => _buffer.Dispose();
}

/// <summary>Room for a message with a vector: a <see cref="Head"/>, and the payload behind it.</summary>
internal sealed class VectorSlot(Device device, View message)
{
    private readonly HostMirror _mirror = new(device, message);

    /// <summary>The payload, on the device.</summary>
    public View Payload { get; } = message.Slice(Head.Floats, message.Length - Head.Floats);

    /// <summary>Where the message is received.</summary>
    public Memory<float> Message => _mirror.Memory;

    /// <summary>The payload, on the host.</summary>
    public ReadOnlySpan<float> Floats => _mirror.Span[Head.Floats..];

    /// <summary>What was received goes to the device.</summary>
    public void Send() => _mirror.Send();

    /// <summary>What the device has computed comes to the host.</summary>
    public void Fetch() => _mirror.Fetch();
}
