using Detox.Gpu;

namespace Detox.Mpi.Groups;

/// <summary>Which samples a group computes in a step: a part of a slice of a seeded permutation of the training set.</summary>
/// <remarks>Every epoch has its own permutation, cut into slices of groups x batch samples; what does not fill the last slice is
/// left out of that epoch. Any rank computes any part at any time and finds the same. Calls from several threads are safe; only a
/// change of epoch allocates.</remarks>
public sealed class SamplePlan
{
    private const ulong Purpose = 0x73616D706C6573; // "samples"

    private readonly int _samples, _groups, _batch;
    private readonly ulong _seed;
    private Order? _order;

    /// <param name="samples">How many the training set holds.</param>
    /// <param name="groups">p/r.</param>
    /// <param name="batch">How many samples one group computes in a step.</param>
    /// <param name="seed">Another seed, another order.</param>
    public SamplePlan(int samples, int groups, int batch, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(groups);
        if (batch < 1) throw new DetoxException(ExitCode.Usage, $"--batch {batch}: expected at least 1.");
        long step = (long)groups * batch;
        if (step > samples)
        {
            throw new DetoxException(ExitCode.Usage, $"--batch {batch}: a step takes {groups} groups x {batch} = {step} samples, the training set "
                + $"holds {samples}. " + (samples >= groups ? $"At most --batch {samples / groups} fits." : "Use fewer ranks or a larger set."));
        }
        (_samples, _groups, _batch, _seed) = (samples, groups, batch, seed);
    }

    /// <summary>Samples of one group in a step.</summary>
    public int Batch => _batch;

    /// <summary>Whole steps in one pass over the training set.</summary>
    public int StepsPerEpoch => _samples / (_groups * _batch);

    /// <summary>The pass over the training set that a step belongs to, from 0.</summary>
    public long Epoch(long step) => step / StepsPerEpoch;

    /// <summary>Writes the group's samples of a step, both counted from 0.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="group">From 0.</param>
    /// <param name="indices">batch indices into the training set.</param>
    public void Part(long step, int group, Span<int> indices)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegative(group);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(group, _groups);
        if (indices.Length != _batch) throw new ArgumentException($"expected room for {_batch} indices, found {indices.Length}", nameof(indices));
        long epoch = Epoch(step);
        int slice = (int)(step - (epoch * StepsPerEpoch));
        OrderOf(epoch).Samples.AsSpan(((slice * _groups) + group) * _batch, _batch).CopyTo(indices);
    }

    // A new object for each epoch, never a changed one: a thread that still reads the last epoch keeps its order.
    private Order OrderOf(long epoch)
    {
        Order? order = Volatile.Read(ref _order);
        if (order is null || order.Epoch != epoch)
        {
            var samples = new int[_samples];
            for (int i = 0; i < samples.Length; i++) samples[i] = i;
            new SeededRandom(_seed, Purpose, (ulong)epoch).Shuffle<int>(samples);
            order = new(epoch, samples);
            Volatile.Write(ref _order, order);
        }
        return order;
    }

    private sealed record Order(long Epoch, int[] Samples);
}
