using System.Globalization;
using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Data;
using Detox.Mpi.Training;

namespace Detox.Mpi.Checkpoints;

/// <summary>Computes steps of a run once more in this process, and compares gradients and weights with what the run has logged.</summary>
/// <remarks>Gradients are the honest ones, whatever the run's attackers did: where a group's vote was won by another vector, that is a difference, and
/// the weights behind it cannot be known here.</remarks>
internal sealed class Replay : IDisposable
{
    private readonly ReplayRange _range;
    private readonly TrainOptions _options;
    private readonly DataSplit _data;
    private readonly Device _device;
    private readonly GroupPayloads _payloads;
    private readonly BallotTree _weightsTree;
    private readonly Optimizer _optimizer;
    private readonly Aggregator _aggregator;
    private readonly TrainedState _trained;
    private readonly List<string> _differences = [];

    /// <param name="options">Those of the range's steps, resolved and valid.</param>
    public Replay(ReplayRange range, TrainOptions options, DataSplit data, Device device)
    {
        (_range, _options, _data, _device) = (range, options, data, device);
        _payloads = new GroupPayloads(device, options, data, options.GroupCount);
        _weightsTree = _payloads.Weights.Tree(device);
        _optimizer = new Optimizer(device, _payloads.Network.Parameters, options);
        _aggregator = new Aggregator(device, options, options.GroupCount, _optimizer, _payloads.Network, _payloads.Weights.View);
        _trained = new TrainedState(_payloads.Network, device, [("velocity", _optimizer.Velocity), .. _aggregator.Kept()]);
    }

    /// <summary>What is not as logged, a sentence each that names step and group; empty where all is.</summary>
    public IReadOnlyList<string> Differences => _differences;

    /// <summary>Roots of groups that were compared.</summary>
    public int Roots { get; private set; }

    /// <summary>Roots of weights that were compared.</summary>
    public int Weights { get; private set; }

    /// <summary>The step that was compared last.</summary>
    public long ReachedStep { get; private set; }

    /// <summary>Computes and compares, up to the first step with a difference.</summary>
    /// <param name="group">The one of the last step that is wanted; null: all, and what follows from them.</param>
    public void Run(int? group)
    {
        ReachedStep = _range.First;
        _payloads.Network.Initialise(_options.Seed, _payloads.Weights.Values);
        _range.Start?.Restore(_trained, _payloads.Weights.Values, _data);
        _payloads.Weights.Send();
        if (!AreWeights(_range.First, $"{_range.Origin} has other weights than the step was computed with")) return;
        foreach (StepRecord logged in _range.Steps)
        {
            ReachedStep = logged.Step;
            bool isAlone = group is not null && logged == _range.Last;
            int[] groups = isAlone ? [group!.Value] : [.. Enumerable.Range(0, logged.Roots.Count).Where(number => logged.Roots[number] is not null)];
            if (!AreRoots(logged, groups) || isAlone || !IsAggregated(logged, groups)) return;
        }
    }

    public void Dispose()
    {
        _aggregator.Dispose();
        _optimizer.Dispose();
        _payloads.Dispose();
    }

    private bool AreRoots(StepRecord logged, int[] groups)
    {
        Ballot[] roots = [.. _payloads.Compute(logged.Step, groups)];
        Roots += groups.Length;
        int[] wrong = [.. Enumerable.Range(0, groups.Length).Where(place => roots[place] != logged.Roots[groups[place]])];
        foreach (int place in wrong)
        {
            string where = $"step {logged.Step}, group {groups[place]}";
            _differences.Add($"{where}: expected root {logged.Roots[groups[place]]}, found {roots[place]}");
            float[] payload = _payloads.Read(place);
            CompareElements(logged.Step, groups[place], payload);

            // One tells whether it is the device; plain loops take minutes for a large model.
            if (place == wrong[0]) Judge(logged, groups[place], roots[place], payload);
        }

        if (wrong.Length > 0 && logged.Step < _range.Last.Step)
            _differences.Add($"the steps behind step {logged.Step} cannot be replayed from here: the vector that won is not known, and their weights depend on it");
        return wrong.Length == 0;
    }

    /// <summary>Compares with what the log knows of single elements: of each dissenter the first one in which it differed from the winner.</summary>
    private void CompareElements(long step, int group, float[] payload)
    {
        bool isKnown = false;
        foreach ((Blame blame, _) in _range.BlamesOf(step))
        {
            if (blame.Group != group || blame.Index < 0 || blame.Index >= payload.Length) continue;
            float here = payload[blame.Index];
            string whose = Same(here, blame.Expected) ? "the winner's" : Same(here, blame.Found) ? $"that of rank {blame.Rank}, which was outvoted" : "neither's";
            isKnown |= !Same(here, blame.Expected);
            _differences.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"step {step}, group {group}: {_payloads.Network.Describe(blame.Index)} (element {blame.Index}): the winner had {blame.Expected:R}, rank {blame.Rank} {blame.Found:R}; found {here:R}, {whose}"));
        }

        if (!isKnown) _differences.Add($"step {step}, group {group}: which element differs is not known, since the run keeps the root of a winner's vector and no more");
    }

    /// <summary>Whether this device is to blame: plain loops compute the payload once more.</summary>
    private void Judge(StepRecord logged, int group, Ballot root, float[] payload)
    {
        using PlainDevice plain = new();
        using GroupPayloads defined = new(plain, _options, _data, most: 1);
        _payloads.Weights.Fetch();
        _payloads.Weights.Values.CopyTo(defined.Weights.Values);
        defined.Weights.Send();
        Ballot again = defined.Compute(logged.Step, [group])[0];
        string where = $"step {logged.Step}, group {group}";
        if (again == root)
        {
            _differences.Add($"{where}: plain loops find what {_device.Name} has found, so it is the group's winner that was not the gradient of its samples");
            return;
        }

        float[] right = defined.Read(0);
        int first = FirstDifference(right, payload);
        string verdict = again == logged.Roots[group] ? "plain loops find the expected root" : $"plain loops find root {again}";
        _differences.Add(string.Create(
            CultureInfo.InvariantCulture,
            $"{where}: {verdict}, so {_device.Name} computes wrong: first at {_payloads.Network.Describe(first)} (element {first}), expected {right[first]:R}, found {payload[first]:R}"));
    }

    /// <summary>Makes the next weights of the payloads, as rank 0 does.</summary>
    private bool IsAggregated(StepRecord logged, int[] groups)
    {
        string? skipped = _aggregator.Problem(groups.Length);
        if (skipped is null != logged.Skipped is null)
            return Differs($"step {logged.Step}: by its log {(logged.Skipped is { } why ? $"it was skipped, since {why}" : "it changed the weights")}; here {(skipped is null ? "it does not need to be" : $"it is skipped, since {skipped}")}");
        (float rate, float loss) = (float.NaN, float.NaN);
        if (skipped is null) rate = _aggregator.Step(_payloads.Memory, _payloads.Offsets(groups.Length), logged.Step);
        if (!AreWeights(logged.Step + 1, $"the roots of all groups of step {logged.Step} are equal, so it is rank 0's own work that differs: {_options.Across}, the optimizer's step or its memory"))
            return false;
        if (skipped is null) loss = _aggregator.Loss;
        return IsNumber("learning rate", logged.LearningRate, rate) & IsNumber("loss", logged.Loss, loss);

        bool IsNumber(string name, float expected, float found)
            => (float.IsFinite(found) ? found == expected : float.IsNaN(expected))
                || Differs(string.Create(CultureInfo.InvariantCulture, $"step {logged.Step}: expected {name} {expected:R}, found {found:R}"));
    }

    /// <summary>Whether the weights before a step are as logged.</summary>
    /// <param name="otherwise">What it means where they are not.</param>
    private bool AreWeights(long step, string otherwise)
    {
        _payloads.Weights.BeginFetch();
        Ballot found = _payloads.Weights.Root(_weightsTree);
        if (_range.WeightsBefore(step) is not { } expected) return true;
        Weights++;
        if (found == expected) return true;
        Differs($"step {step}: expected weights {expected}, found {found}; {otherwise}");
        if (step == _range.First || _range.CheckpointBefore(step) is not { } checkpoint) return false;
        float[] here = _payloads.Weights.Values.ToArray(), saved = new float[here.Length];
        checkpoint.Restore(_trained, saved, _data);
        int first = FirstDifference(saved, here);
        if (first == here.Length) return Differs($"step {step}: checkpoint {CheckpointStore.NameOf(step)} has the weights that were found here");
        return Differs(string.Create(
            CultureInfo.InvariantCulture,
            $"step {step}: first at {_payloads.Network.Describe(first)} (element {first}), expected {saved[first]:R} by checkpoint {CheckpointStore.NameOf(step)}, found {here[first]:R}"));
    }

    private bool Differs(string how)
    {
        _differences.Add(how);
        return false;
    }

    /// <summary>The length where there is none.</summary>
    private static int FirstDifference(float[] a, float[] b)
        => MemoryMarshal.Cast<float, int>(a).CommonPrefixLength(MemoryMarshal.Cast<float, int>(b));

    /// <summary>The same bits, as far as text keeps them: of a NaN it keeps that it is one.</summary>
    private static bool Same(float a, float b) => (float.IsNaN(a) && float.IsNaN(b)) || BitConverter.SingleToInt32Bits(a) == BitConverter.SingleToInt32Bits(b);
}
