using System.Globalization;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Data;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;
using Detox.Tests.Kernels;

namespace Detox.Tests.Checkpoints;

/// <summary>Trains a model on one rank and writes it, for jobs/torch-check.py.</summary>
internal static class TrainedModel
{
    public const string Verb = "weights";

    /// <param name="data">As --data takes it.</param>
    public static int Write(string model, string data, int steps, string path)
    {
        TrainOptions options = new TrainOptions { Model = model, Data = data, Steps = steps, Ranks = 1, GroupSize = 1 }.Resolve(launchedRanks: null, Environment.ProcessorCount);
        DataSplit split = DataSource.Open(options.Data, options.Seed);
        using CpuDevice device = new(options.Threads!.Value);
        using Network network = TrainRun.CreateNetwork(options, device, split);
        using Optimizer optimizer = new(device, network.Parameters, options);
        PartReader reader = new(split.Training, new SamplePlan(split.Training.Count, groups: 1, options.Batch, options.Seed), augmentation: null);
        float[] state = new float[network.StateLength], images = new float[options.Batch * network.InputLength];
        int[] labels = new int[options.Batch];
        network.Initialise(options.Seed, state);
        using DeviceBuffer weights = device.Upload(state), payload = device.Allocate(network.PayloadLength);
        for (int step = 0; step < steps; step++)
        {
            reader.Read(step, 0, images, labels);
            network.Gradient(weights.All, images, labels, payload.All);
            optimizer.Step(weights.All, payload.All.Slice(0, network.ParameterCount), step);
            network.MoveStatistics(weights.All, payload.All.Slice(network.ParameterCount, network.StatisticsCount));
        }

        using (FileStream file = File.Create(path)) ModelFile.Write(file, model, [new ModelVector("", TorchTensor.OfState(network), device.Download(weights))]);
        Score score = new Evaluation(network, split.Test).Run(weights.All);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{model}, Detox: {score.Accuracy * split.Test.Count:F0} of {split.Test.Count} right, accuracy {score.Accuracy}, loss {score.Loss:F9}"));
        return 0;
    }
}
