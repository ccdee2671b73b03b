using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;
using Detox.Gpu.Networks;

namespace Detox.Mpi.SelfTest;

/// <summary>The first steps of a model on one device, as a rank takes them: gradient, ballot, new weights.</summary>
internal sealed class ModelSteps : IDisposable
{
    private const float Rate = 0.01f, Momentum = 0.9f, Decay = 5e-4f;

    private readonly Device _device;
    private readonly ModelCase _model;
    private readonly ModelStart _start;
    private readonly Network _network;
    private readonly BallotTree _tree;
    private readonly DeviceBuffer _state;
    private readonly DeviceBuffer _velocity;
    private readonly DeviceBuffer _payload;
    private readonly DeviceBuffer _ballot;
    private float[] _read = [];

    public ModelSteps(Device device, ModelCase model, ModelStart start)
    {
        (_device, _model, _start) = (device, model, start);
        _network = model.CreateNetwork(device);
        _tree = new BallotTree(device, BallotKind.Blake3, _network.PayloadLength);
        _state = device.Allocate(_network.StateLength);
        _velocity = device.Allocate(_network.ParameterCount);
        _payload = device.Allocate(_network.PayloadLength);
        _ballot = device.Allocate(Ballot.Bytes / sizeof(float));
    }

    /// <param name="number">Of the tensor, from 0 in the first step on.</param>
    public delegate void Reader(int number, int step, WrittenTensor tensor, ReadOnlySpan<float> values);

    /// <summary>Takes the steps; the reader is shown every tensor before anything else reads it.</summary>
    /// <param name="flip">Strikes before that; null for none.</param>
    public void Run(BitFlip? flip, Reader reader)
    {
        int number = 0, step = 0;
        void Show(WrittenTensor tensor)
        {
            if (number == flip?.Number) flip.Strike(_device, tensor.Values);
            reader(number++, step, tensor, OnHost(tensor.Values));
        }

        View parameters = _state.All.Slice(0, _network.ParameterCount), running = _state.All.Slice(parameters.Length, _network.StateLength - parameters.Length);
        View gradient = _payload.All.Slice(0, parameters.Length), batch = _payload.All.Slice(parameters.Length, running.Length);
        Span<float> ballot = stackalloc float[Ballot.Bytes / sizeof(float)];
        _network.Written = Show;
        _device.Write(_start.State, _state.All);
        _device.Run(new Fill(_velocity.All, 0));
        for (; step < _model.Steps; step++)
        {
            _network.Gradient(_state.All, _start.Images, _start.Labels, _payload.All);
            _tree.Compute(_payload.All).CopyTo(MemoryMarshal.AsBytes(ballot));
            _device.Write(ballot, _ballot.All);
            Show(new WrittenTensor("ballot", "blake3", _ballot.All));
            _device.Run(new SgdStep(parameters, _velocity.All, gradient, Rate, Momentum, Decay));
            Show(new WrittenTensor("sgd step", "weights", parameters));
            if (running.Length == 0) continue;
            _network.MoveStatistics(_state.All, batch);
            Show(new WrittenTensor("moving average", "running statistics", running));
        }
    }

    public void Dispose()
    {
        _network.Dispose();
        foreach (DeviceBuffer buffer in (DeviceBuffer[])[_state, _velocity, _payload, _ballot]) buffer.Dispose();
    }

    private ReadOnlySpan<float> OnHost(View values)
    {
        if (_device.SharesHostMemory) return CpuDevice.Floats(values);
        if (_read.Length < values.Length) _read = new float[values.Length];
        Span<float> read = _read.AsSpan(0, (int)values.Length);
        _device.Read(values, read);
        return read;
    }
}
