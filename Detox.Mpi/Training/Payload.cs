using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;

namespace Detox.Mpi.Training;

/// <summary>What a rank has computed for its part of a step: on its device, and on the host where somebody wants it there.</summary>
/// <remarks>A GPU is waited for once for the ballot, which brings the loss along, and once more only where the payload itself is wanted on the host.</remarks>
internal sealed class Payload : IDisposable
{
    private readonly Device _device;
    private readonly DeviceBuffer _message;
    private readonly HostMirror _host;
    private readonly Memory<float> _loss;
    private readonly BallotTree _tree;
    private IGradientSource? _unchanged;
    private bool _isFetched;

    /// <param name="length">Floats that are voted on; the last is the loss.</param>
    public Payload(Device device, BallotKind ballot, int length)
    {
        _device = device;

        // With the head of the message that it is sent as in front.
        _message = device.Allocate(Head.Floats + (long)length);
        View = _message.All.Slice(Head.Floats, length);
        _host = new HostMirror(device, _message.All);
        _loss = device.AllocateHost(1);
        _tree = new BallotTree(device, ballot, length);
    }

    /// <summary>On the device.</summary>
    public View View { get; }

    /// <summary>The message that it is sent as, on the host: room for a head, then what <see cref="Fetch"/> brought.</summary>
    public Memory<float> Message => _host.Memory;

    /// <summary>The loss as it was computed, whatever the payload has become since. It is here once the ballot is made, or the payload fetched.</summary>
    public float HonestLoss => _loss.Span[0];

    /// <summary>Bytes of <see cref="Leaves"/>.</summary>
    public int LeafBytes => _tree.LeafBytes;

    /// <summary>The leaves of the last ballot.</summary>
    public ReadOnlySpan<byte> Leaves => _tree.LeavesOf(0);

    /// <param name="attack">On the samples; null where there is none.</param>
    public void Compute(IGradientSource gradients, long step, int group, int attempt, SampleAttack? attack, View weights)
    {
        gradients.Compute(step, group, attempt, attack, weights, View);
        _unchanged = gradients;
        _isFetched = false;
        _device.BeginRead(View.Slice(View.Length - 1, 1), _loss.Span);
    }

    public Ballot CastBallot() => _unchanged?.Hash(View, _tree) ?? _tree.Compute(View);

    /// <summary>Brings it to the host, unless it is there.</summary>
    public void Fetch()
    {
        if (!_isFetched) _host.Fetch();
        _isFetched = true;
    }

    /// <summary>What the host has made of it goes to the device.</summary>
    public void Send()
    {
        _host.Send();
        _unchanged = null;
    }

    public void Dispose() => _message.Dispose();
}
