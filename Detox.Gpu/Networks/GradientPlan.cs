namespace Detox.Gpu.Networks;

/// <summary>Which memory holds which gradient on the way back through a network, so that few slots serve for all of them.</summary>
/// <remarks>Layers go back in the reverse of their order. A value that several layers read gets its gradient from the last of them, and
/// the others' are added to it one after another, going back. A slot is free again when its gradient has been read.</remarks>
internal sealed class GradientPlan
{
    private readonly IReadOnlyList<Node> _nodes;
    private readonly Slots _slots = new();
    private readonly int[] _slotOf;

    /// <param name="nodes">Each value but the last one must be read by some layer.</param>
    public GradientPlan(IReadOnlyList<Node> nodes)
    {
        _nodes = nodes;
        _slotOf = new int[nodes.Count + 1];
        Array.Fill(_slotOf, -1);
        Steps = new Step[nodes.Count];
        _slotOf[nodes.Count] = _slots.Take(nodes[^1].Layer.OutputLength);
        for (int i = nodes.Count - 1; i >= 0; i--) Steps[i] = Plan(i);
    }

    /// <summary>How a layer's output gradient becomes those of its inputs.</summary>
    /// <param name="Output">The slot of the output's gradient.</param>
    /// <param name="CopiedFrom">Where that has to be copied from first, since another value's gradient is still the same floats; else -1.</param>
    /// <param name="Input">The slot that the layer writes the input's gradient to; -1 where it writes none.</param>
    /// <param name="Sums">What is added up afterwards.</param>
    public readonly record struct Step(int Output, int CopiedFrom, int Input, Sum[] Sums);

    /// <summary>The slot Total becomes the sum of slots Earlier and Later, of a value of so many floats a sample. Earlier is what the
    /// layers behind this one gave.</summary>
    public readonly record struct Sum(int Earlier, int Later, int Total, int Length);

    /// <summary>By layer.</summary>
    public Step[] Steps { get; }

    /// <summary>Floats a sample in each slot.</summary>
    public IReadOnlyList<int> SlotLengths => _slots.Lengths;

    private Step Plan(int node)
    {
        (Layer layer, int[] inputs) = (_nodes[node].Layer, _nodes[node].Inputs);
        int output = _slotOf[node + 1], copiedFrom = -1, input = -1;
        if (output < 0) throw new InvalidOperationException($"No layer reads what layer {node} gives.");
        List<Sum> sums = [];
        if (layer.PassesGradient)
        {
            if (_slots.Uses(output) > 1)
            {
                copiedFrom = output;
                output = _slots.Take(layer.OutputLength);
                _slots.Release(copiedFrom);
            }

            foreach (int value in inputs) Give(value, output, layer.InputLength, sums);
        }
        else if (inputs[0] != 0)
        {
            input = _slots.Take(layer.InputLength);
            Give(inputs[0], input, layer.InputLength, sums);
            _slots.Release(input);
        }

        _slots.Release(output);
        return new Step(output, copiedFrom, input, [.. sums]);
    }

    /// <summary>A slot becomes the value's gradient, or a part of it.</summary>
    private void Give(int value, int slot, int length, List<Sum> sums)
    {
        if (value == 0) return;
        int earlier = _slotOf[value];
        if (earlier < 0)
        {
            _slotOf[value] = slot;
            _slots.Share(slot);
            return;
        }

        // Where the earlier part is another value's gradient too, that must stay as it is.
        int total = _slots.Uses(earlier) == 1 ? earlier : _slots.Take(length);
        sums.Add(new Sum(earlier, slot, total, length));
        if (total == earlier) return;
        _slots.Release(earlier);
        _slotOf[value] = total;
    }
}
