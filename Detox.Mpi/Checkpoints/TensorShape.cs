namespace Detox.Mpi.Checkpoints;

/// <summary>A tensor of float32 in a file, but for its values.</summary>
/// <param name="Shape">The last axis runs fastest; no axes: a single value.</param>
internal sealed record TensorShape(string Name, IReadOnlyList<int> Shape)
{
    /// <summary>In floats; an OverflowException where they are more than an array can hold.</summary>
    public int Length => Shape.Aggregate(1, (product, side) => checked(product * side));

    /// <summary>"conv1.weight [20,1,5,5]".</summary>
    public override string ToString() => $"{Name} [{string.Join(',', Shape)}]";
}
