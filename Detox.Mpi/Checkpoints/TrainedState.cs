using Detox.Gpu.Devices;
using Detox.Gpu.Networks;

namespace Detox.Mpi.Checkpoints;

/// <summary>The tensors of a run between two steps, on the host: the model, and what optimizer and rules keep from step to step.</summary>
internal sealed class TrainedState
{
    private readonly Network _layout;
    private readonly Device _device;
    private readonly (string Name, View Values, float[] Copy)[] _kept;
    private readonly float[] _model;

    /// <param name="layout">Says what lies where in the model.</param>
    /// <param name="kept">Vectors of the device's with a value for each parameter.</param>
    public TrainedState(Network layout, Device device, IReadOnlyList<(string Name, View Values)> kept)
    {
        _layout = layout;
        _device = device;
        _kept = [.. kept.Select(vector => (vector.Name, vector.Values, new float[vector.Values.Length]))];
        _model = new float[layout.StateLength];
    }

    /// <summary>Writes to all of the memory once: the system finds its pages then, and not when a step waits for the first copy.</summary>
    public void Touch()
    {
        Array.Clear(_model);
        foreach ((_, _, float[] copy) in _kept) Array.Clear(copy);
    }

    /// <summary>Copies the run's state here.</summary>
    /// <param name="model">Parameters, then running statistics.</param>
    public void Take(ReadOnlySpan<float> model)
    {
        model.CopyTo(_model);
        foreach ((_, View values, float[] copy) in _kept) _device.Read(values, copy);
    }

    /// <summary>Copies what is here back to the run.</summary>
    public void GiveBack(Span<float> model)
    {
        _model.CopyTo(model);
        foreach ((_, View values, float[] copy) in _kept) _device.Write(copy, values);
    }

    /// <summary>Makes the files of a checkpoint that hold tensors.</summary>
    public void Write(string folder)
    {
        Durable.Write(Path.Combine(folder, Checkpoint.WeightsFile), file => ModelFile.Write(file, _layout.Model, Model()));
        Durable.Write(Path.Combine(folder, Checkpoint.OptimizerFile), file => ModelFile.Write(file, _layout.Model, Kept()));
    }

    /// <exception cref="InvalidDataException">The files are not of this model, optimizer and rule.</exception>
    public void Read(string folder)
    {
        Read(Path.Combine(folder, Checkpoint.WeightsFile), Model());
        Read(Path.Combine(folder, Checkpoint.OptimizerFile), Kept());
    }

    private void Read(string path, IReadOnlyList<ModelVector> vectors)
    {
        using FileStream file = File.OpenRead(path);
        ModelFile.Read(file, path, _layout.Model, vectors);
    }

    private IReadOnlyList<ModelVector> Model() => [new("", TorchTensor.OfState(_layout), _model)];

    private IReadOnlyList<ModelVector> Kept() => [.. _kept.Select(vector => new ModelVector($"{vector.Name}.", TorchTensor.OfParameters(_layout), vector.Copy))];
}
