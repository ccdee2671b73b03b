using Detox.Gpu.Devices;
using Detox.Gpu.Networks;
using Detox.Mpi.Data;

namespace Detox.Mpi.Training;

/// <summary>Accuracy (0 to 1) and mean loss on a test set.</summary>
public readonly record struct Score(double Accuracy, double Loss);

/// <summary>Judges weights on a test set, on rank 0.</summary>
internal sealed class Evaluation(Network network, Dataset test)
{
    private readonly float[] _images = new float[network.Batch * network.InputLength];
    private readonly int[] _labels = new int[network.Batch];

    public Score Run(View weights)
    {
        int correct = 0;
        double loss = 0;
        for (int start = 0; start < test.Count; start += network.Batch)
        {
            int count = Math.Min(network.Batch, test.Count - start);
            for (int i = 0; i < count; i++)
                _labels[i] = test.Read(start + i, _images.AsSpan(i * network.InputLength, network.InputLength));
            (int right, double sum) = network.Evaluate(weights, _images.AsSpan(0, count * network.InputLength), _labels.AsSpan(0, count));
            correct += right;
            loss += sum;
        }

        return new Score((double)correct / test.Count, loss / test.Count);
    }
}
