using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Training;
using Detox.Tests.Checkpoints;
using Detox.Tests.Kernels;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Training;

/// <summary>What moves the weights, taken up again from two files: it goes on with the bits of the one that was not interrupted.</summary>
public sealed class RestoredAggregatorTests
{
    private const int Winners = 9;

    [TestCase("--across median")]
    [TestCase("--across centered-clipping(tau=1)", "across.centre")]
    [TestCase("--pre nnm;clipping --across centered-clipping(tau=1)", "across.centre")]
    [TestCase("--buckets 4 --within centered-clipping(tau=2) --across median", "within.centre")]
    [TestCase("--buckets 4 --within centered-clipping(tau=2) --across centered-clipping(tau=1,m=0.5)", "within.centre", "across.centre")]
    [TestCase("--buckets 9 --within centered-clipping(tau=2) --across mean")]
    public void ItGoesOnWithTheSameBits(string rules, params string[] kept)
    {
        using Part whole = new(rules);
        Assert.That(whole.Aggregator.Kept().Select(vector => vector.Name), Is.EqualTo(kept));
        for (int step = 0; step < 3; step++) whole.Step(step);
        using MemoryStream weights = new(), optimizer = new();
        ModelFile.Write(weights, SmallNetwork.Model, whole.Weights());
        ModelFile.Write(optimizer, SmallNetwork.Model, whole.OptimizersVectors());

        using Part restored = new(rules), forgetful = new(rules);
        Restore(restored, optimizer);
        Restore(forgetful, null);
        for (int step = 3; step < 6; step++)
        {
            whole.Step(step);
            restored.Step(step);
            forgetful.Step(step);
        }

        BitEqual(whole.Weights()[0].Values.Span, restored.Weights()[0].Values.Span, "weights and running statistics");
        foreach ((ModelVector expected, ModelVector found) in whole.OptimizersVectors().Zip(restored.OptimizersVectors())) BitEqual(expected.Values.Span, found.Values.Span, $"'{expected.Prefix}'");
        Assert.That(forgetful.Weights()[0].Values.Span.SequenceEqual(whole.Weights()[0].Values.Span), Is.False, "the weights alone do not suffice");

        void Restore(Part part, MemoryStream? state)
        {
            weights.Position = 0;
            ModelVector[] read = part.Weights();
            ModelFile.Read(weights, "weights", SmallNetwork.Model, read);
            part.SetWeights(read);
            if (state is null) return;
            state.Position = 0;
            read = part.OptimizersVectors();
            ModelFile.Read(state, "optimizer", SmallNetwork.Model, read);
            part.SetOptimizersVectors(read);
        }
    }

    /// <summary>Rank 0's part of a run, whose winners' vectors are drawn.</summary>
    private sealed class Part : IDisposable
    {
        private readonly CpuDevice _device = new(1);
        private readonly Network _network;
        private readonly DeviceBuffer _weights;
        private readonly DeviceBuffer _winners;
        private readonly Optimizer _optimizer;

        public Part(string rules)
        {
            TrainOptions options = new() { Ranks = Winners, GroupSize = 1, Byzantine = 1, Momentum = 0.9f, LearningRate = 0.1f };
            string[] words = rules.Split(' ');
            for (int i = 0; i < words.Length; i += 2) options = TrainOption.All.Single(option => $"--{option.Name}" == words[i]).Set(options, words[i + 1], words[i]);
            options = options.Resolve(launchedRanks: null, cores: 1);
            _network = SmallNetwork.Create(_device);
            float[] state = new float[_network.StateLength];
            _network.Initialise(1, state);
            _weights = _device.Upload(state);
            _winners = _device.Allocate(Winners * _network.PayloadLength);
            _optimizer = new Optimizer(_device, _network.Parameters, options);
            Aggregator = new Aggregator(_device, options, Winners, _optimizer, _network, _weights.All);
        }

        public Aggregator Aggregator { get; }

        public void Step(int step)
        {
            _device.Write(TestDevices.Random((int)_winners.Length, (ulong)step + 1), _winners.All);
            long[] offsets = [.. Enumerable.Range(0, Winners).Select(i => (long)i * _network.PayloadLength)];
            Aggregator.Step(_winners.All, offsets, step);
        }

        public ModelVector[] Weights() => [new ModelVector("", TorchTensor.OfState(_network), _device.Download(_weights))];

        public void SetWeights(ModelVector[] vectors) => _device.Write(vectors[0].Values.Span, _weights.All);

        public ModelVector[] OptimizersVectors() => [.. Views().Select(vector =>
        {
            float[] values = new float[vector.Values.Length];
            _device.Read(vector.Values, values);
            return new ModelVector(vector.Name, TorchTensor.OfParameters(_network), values);
        })];

        public void SetOptimizersVectors(ModelVector[] vectors)
        {
            foreach ((ModelVector vector, (string Name, View Values) own) in vectors.Zip(Views())) _device.Write(vector.Values.Span, own.Values);
        }

        public void Dispose()
        {
            Aggregator.Dispose();
            _optimizer.Dispose();
            _weights.Dispose();
            _winners.Dispose();
            _network.Dispose();
            _device.Dispose();
        }

        private IEnumerable<(string Name, View Values)> Views() => Aggregator.Kept().Select(kept => ($"{kept.Name}.", kept.Values)).Prepend(("", _optimizer.Velocity));
    }
}
