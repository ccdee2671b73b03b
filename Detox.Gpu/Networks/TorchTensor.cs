namespace Detox.Gpu.Networks;

/// <summary>A part of a model's flat state as PyTorch names and orders it; the values are the same bits.</summary>
/// <remarks>In the state a filter lies as [row][column][channel][output], a matrix as [input][output], and an image, which the inputs of a linear layer are, as
/// [row][column][channel]. PyTorch has [output][channel][row][column], [output][input] and [channel][row][column].</remarks>
public sealed class TorchTensor
{
    // What is read together: a line of the cache.
    private const int NeighboursAtATime = 16;

    private readonly int _offset;
    private readonly int _positions;
    private readonly int _channels;
    private readonly int _outputs;

    private TorchTensor(string name, Parameter parameter, int start)
    {
        int[] shape = parameter.Shape, axes = parameter.Axes;
        Name = name;
        Length = parameter.Length;
        _offset = start + parameter.Offset;
        (_positions, _channels, _outputs) = axes.Length == 1 ? (1, 1, axes[0]) : (axes[0] * axes[1], axes[2], axes[3]);
        Shape = shape.Length switch
        {
            1 => shape,
            2 => [shape[1], shape[0]],
            _ => [shape[3], shape[2], shape[0], shape[1]],
        };
    }

    /// <summary>"layer1.0.bn1.running_var".</summary>
    public string Name { get; }

    public IReadOnlyList<int> Shape { get; }

    /// <summary>In floats.</summary>
    public int Length { get; }

    /// <summary>The parameters, in their order: of the weights, or of what has one value for each of them.</summary>
    public static IReadOnlyList<TorchTensor> OfParameters(Network network)
        => [.. network.Parameters.Select(parameter => new TorchTensor(parameter.Name, parameter, 0))];

    /// <summary>The parameters, then the running statistics.</summary>
    /// <remarks>torch.nn.BatchNorm2d's defaults are this model's epsilon, momentum and unbiased running variance. Of its buffers num_batches_tracked is left out, which only
    /// a momentum of None reads, and load_state_dict does not miss.</remarks>
    public static IReadOnlyList<TorchTensor> OfState(Network network)
        => [.. OfParameters(network), .. network.Statistics.Select(statistic => new TorchTensor(RunningName(statistic.Name), statistic, network.ParameterCount))];

    /// <summary>tensor = this part of the state.</summary>
    public void Gather(ReadOnlySpan<float> state, Span<float> tensor)
    {
        Check(tensor.Length);
        Turn(state.Slice(_offset, Length), _positions, _channels, _outputs, tensor);
    }

    /// <summary>This part of the state = tensor.</summary>
    public void Scatter(ReadOnlySpan<float> tensor, Span<float> state)
    {
        Check(tensor.Length);
        Turn(tensor, _outputs, _channels, _positions, state.Slice(_offset, Length));
    }

    /// <summary>to[k][j][i] = from[i][j][k], of a x b x c values.</summary>
    private static void Turn(ReadOnlySpan<float> from, int a, int b, int c, Span<float> to)
    {
        for (int first = 0; first < c; first += NeighboursAtATime)
        {
            int end = Math.Min(first + NeighboursAtATime, c);
            for (int i = 0; i < a; i++)
            {
                for (int j = 0; j < b; j++)
                    for (int k = first; k < end; k++) to[(((k * b) + j) * a) + i] = from[(((i * b) + j) * c) + k];
            }
        }
    }

    private static string RunningName(string statistic)
        => statistic.Replace(".mean", ".running_mean", StringComparison.Ordinal).Replace(".variance", ".running_var", StringComparison.Ordinal);

    private void Check(int length)
    {
        if (length != Length) throw new ArgumentException($"{Name}: {length} floats where {Length} are expected.");
    }
}
