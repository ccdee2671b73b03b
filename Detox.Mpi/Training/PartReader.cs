using Detox.Mpi.Data;
using Detox.Mpi.Groups;

namespace Detox.Mpi.Training;

/// <summary>Reads the samples of a group's part of a step, as the network takes them: normalised, and varied where that is asked for.</summary>
/// <remarks>A pure function of step and group. It keeps its scratch, so a reader belongs to one thread at a time.</remarks>
internal sealed class PartReader(Dataset training, SamplePlan plan, Augmentation? augmentation)
{
    private readonly int[] _indices = new int[plan.Batch];
    private readonly float[] _image = new float[training.Shape.Length];

    /// <summary>Samples of a part.</summary>
    public int Batch => plan.Batch;

    /// <summary>Floats of one image.</summary>
    public int ImageLength => _image.Length;

    /// <param name="step">From 0.</param>
    /// <param name="group">From 0.</param>
    /// <param name="images">The part's images one after the other.</param>
    /// <param name="labels">One for each image.</param>
    public void Read(long step, int group, Span<float> images, Span<int> labels)
    {
        plan.Part(step, group, _indices);
        long epoch = plan.Epoch(step);
        for (int i = 0; i < _indices.Length; i++)
        {
            Span<float> image = images.Slice(i * _image.Length, _image.Length);
            labels[i] = training.Read(_indices[i], augmentation is null ? image : _image);
            augmentation?.Apply(epoch, _indices[i], _image, image);
        }
    }
}
