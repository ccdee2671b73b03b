using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Data;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>What a step asks of a worker's device, without the messages: weights, gradient, ballot, and a winner's vector.</summary>
internal sealed class WorkerCase : IDisposable
{
    private readonly GradientCase _gradient;
    private readonly ModelWeights _weights;
    private readonly Payload _payload;

    public WorkerCase(Device device, BallotKind ballot, string model, int batch, ImageShape shape)
    {
        _gradient = new GradientCase(device, model, batch, shape);
        _weights = new ModelWeights(device, _gradient.Network.StateLength);
        _payload = new Payload(device, new OwnPayloads(_gradient), ballot, _gradient.Network.PayloadLength);
        _gradient.Network.Initialise(1, _weights.Values);
    }

    /// <summary>Until the ballot is cast.</summary>
    public void Vote()
    {
        _weights.Send();
        _payload.Compute(0, 0, 0, attack: null, _weights.View);
        _payload.CastBallot();
    }

    /// <summary>What follows where this rank's vector is wanted.</summary>
    public void FetchVector() => _payload.Fetch();

    public void Dispose()
    {
        _payload.Dispose();
        _weights.Dispose();
        _gradient.Dispose();
    }
}
