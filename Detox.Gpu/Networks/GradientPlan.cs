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
    /// <param name="Input">The slot that the layer writes the first input's gradient to; -1 where it writes none.</param>
    /// <param name="Sums">What is added up afterwards.</param>
    public readonly record struct Step(int Output, int Input, Sum[] Sums);

    /// <summary>To the slot Total, which holds what the layers behind this one gave a value of so many floats a sample, slot Added is added.</summary>
    public readonly record struct Sum(int Total, int Added, int Length);

    /// <summary>By layer.</summary>
    public Step[] Steps { get; }

    /// <summary>Floats a sample in each slot.</summary>
    public IReadOnlyList<int> SlotLengths => _slots.Lengths;

    private Step Plan(int node)
    {
        (Layer layer, int[] inputs) = (_nodes[node].Layer, _nodes[node].Inputs);
        int output = _slotOf[node + 1], input = -1;
        if (output < 0) throw new InvalidOperationException($"No layer reads what layer {node} gives.");
        List<Sum> sums = [];
        for (int i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] == 0) continue;
            if (layer.PassesGradientTo(i))
            {
                Give(inputs[i], output, layer.InputLength, sums);
                continue;
            }

            input = _slots.Take(layer.InputLength);
            Give(inputs[i], input, layer.InputLength, sums);
            _slots.Release(input);
        }

        _slots.Release(output);
        return new Step(output, input, [.. sums]);
    }

    /// <summary>A slot becomes the value's gradient, or is added to it.</summary>
    private void Give(int value, int slot, int length, List<Sum> sums)
    {
        int total = _slotOf[value];
        if (total >= 0)
        {
            sums.Add(new Sum(total, slot, length));
            return;
        }

        _slotOf[value] = slot;
        _slots.Share(slot);
    }
}
