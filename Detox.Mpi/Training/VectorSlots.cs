using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;

namespace Detox.Mpi.Training;

/// <summary>Where vectors arrive at rank 0: each in memory that the rules read it from, so that none is copied. In one process they are computed there.</summary>
/// <remarks>There is a slot for each group's winner, and more for vectors that turn out to be wrong, and for those of ranks that stopped in
/// the middle, which keep their slot. The last one given back is the first one taken, so that memory nobody needs is never touched.</remarks>
internal sealed class VectorSlots : IDisposable
{
    private readonly Lock _lock = new();
    private readonly DeviceBuffer _buffer;
    private readonly Stack<VectorSlot> _free = [];
    private readonly Dictionary<nint, VectorSlot> _byAddress = [];

    public VectorSlots(Device device, int count, int payloadLength)
    {
        const long line = Head.Floats;
        long stride = Head.Floats + ((payloadLength + line - 1) / line * line);
        _buffer = device.Allocate(stride * count);
        for (int number = count - 1; number >= 0; number--)
        {
            VectorSlot slot = new(device, _buffer.All.Slice(number * stride, Head.Floats + (long)payloadLength));
            _free.Push(slot);
            _byAddress.Add(slot.Address, slot);
        }
    }

    /// <summary>Holds every slot.</summary>
    public View Memory => _buffer.All;

    /// <summary>A slot that nobody holds, held once; null where all are taken.</summary>
    public VectorSlot? TryTake()
    {
        lock (_lock)
        {
            if (!_free.TryPop(out VectorSlot? slot)) return null;
            slot.Holders = 1;
            slot.Digest = null;
            return slot;
        }
    }

    /// <summary>Holds a slot once more that somebody holds: it stays as it is until the last one gives it back.</summary>
    public VectorSlot Hold(VectorSlot slot)
    {
        lock (_lock) slot.Holders++;
        return slot;
    }

    /// <summary>The slot at an address, held once more; null where there is none that anybody holds.</summary>
    public VectorSlot? TryHold(nint address)
    {
        lock (_lock)
        {
            if (!_byAddress.TryGetValue(address, out VectorSlot? slot) || slot.Holders == 0) return null;
            slot.Holders++;
            return slot;
        }
    }

    public void GiveBack(VectorSlot slot)
    {
        lock (_lock)
        {
            if (--slot.Holders == 0) _free.Push(slot);
        }
    }

    public void Dispose() => _buffer.Dispose();
}

/// <summary>Room for a message with a vector: a <see cref="Head"/>, and the payload behind it.</summary>
internal sealed class VectorSlot(Device device, View message)
{
    private readonly HostMirror _mirror = new(device, message);

    /// <summary>Counted by <see cref="VectorSlots"/>.</summary>
    public int Holders { get; set; }

    /// <summary>What this process itself has made of the payload since it was written; null where nobody has.</summary>
    public PayloadDigest? Digest { get; set; }

    /// <summary>The payload, on the device.</summary>
    public View Payload { get; } = message.Slice(Head.Floats, message.Length - Head.Floats);

    /// <summary>Where the message is received.</summary>
    public Memory<float> Message => _mirror.Memory;

    /// <summary>Where <see cref="Message"/> begins: it never moves.</summary>
    public unsafe nint Address => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(_mirror.Span));

    /// <summary>The payload, on the host.</summary>
    public ReadOnlySpan<float> Floats => _mirror.Span[Head.Floats..];

    /// <summary>What was received goes to the device.</summary>
    public void Send() => _mirror.Send();

    /// <summary>What the device has computed comes to the host.</summary>
    public void Fetch() => _mirror.Fetch();
}

/// <param name="Leaves">Those of the ballot's tree.</param>
internal sealed record PayloadDigest(Ballot Ballot, byte[] Leaves);
