using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;

namespace Detox.Mpi.Training;

/// <summary>What a rank has computed for its part of a step: on its device, and on the host where somebody wants it there.</summary>
/// <remarks>A GPU is waited for once for the ballot, which brings the loss along, and once more only where the payload itself is wanted on the host.</remarks>
internal sealed class Payload : IDisposable
{
    private readonly Device _device;
    private readonly IPayloadSource _source;
    private readonly DeviceBuffer _buffer;
    private readonly VectorSlot _own;
    private readonly Memory<float> _loss;
    private readonly BallotTree _tree;
    private VectorSlot _slot;
    private bool _isChanged;
    private bool _isFetched;

    /// <param name="length">Floats that are voted on; the last is the loss.</param>
    public Payload(Device device, IPayloadSource source, BallotKind ballot, int length)
    {
        _device = device;
        _source = source;

        // With the head of the message that it is sent as in front.
        _buffer = device.Allocate(Head.Floats + (long)length);
        _slot = _own = new VectorSlot(device, _buffer.All);
        _loss = device.AllocateHost(1);
        _tree = new BallotTree(device, ballot, length);
    }

    /// <summary>On the device.</summary>
    public View View => _slot.Payload;

    /// <summary>The message that it is sent as, on the host: room for a head, then what <see cref="Fetch"/> brought. Only after <see cref="Own"/> may
    /// more than the head be written.</summary>
    public Memory<float> Message => _slot.Message;

    /// <summary>The loss as it was computed, whatever the payload has become since. It is here once the ballot is made, or the payload fetched.</summary>
    public float HonestLoss => _loss.Span[0];

    /// <summary>Bytes of <see cref="Leaves"/>.</summary>
    public int LeafBytes => _tree.LeafBytes;

    /// <summary>The leaves of the last ballot.</summary>
    public ReadOnlySpan<byte> Leaves => _tree.LeavesOf(0);

    /// <param name="attack">On the samples; null where there is none.</param>
    public void Compute(long step, int group, int attempt, SampleAttack? attack, View weights)
    {
        _slot = _source.Compute(step, group, attempt, attack, weights, _own);
        _isChanged = _isFetched = false;
        _device.BeginRead(View.Slice(View.Length - 1, 1), _loss.Span);
    }

    public Ballot CastBallot() => _isChanged ? _tree.Compute(View) : _source.Hash(_slot, _tree);

    /// <summary>Brings it to the host, unless it is there.</summary>
    public void Fetch()
    {
        if (!_isFetched) _slot.Fetch();
        _isFetched = true;
    }

    /// <summary>Brings it to the host, to memory that this rank may change.</summary>
    public void Own()
    {
        Fetch();
        if (_slot == _own) return;
        _slot.Message.CopyTo(_own.Message);
        _slot = _own;
    }

    /// <summary>What the host has made of it goes to the device.</summary>
    public void Send()
    {
        _own.Send();
        _isChanged = true;
    }

    public void Dispose() => _buffer.Dispose();
}
