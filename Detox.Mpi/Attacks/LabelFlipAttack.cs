namespace Detox.Mpi.Attacks;

/// <summary>Trains on wrong labels: class c becomes C - 1 - c.</summary>
/// <remarks>Source: Karimireddy, He, Jaggi 2022, "Byzantine-robust learning on heterogeneous datasets via bucketing".</remarks>
public sealed class LabelFlipAttack : SampleAttack
{
    public override string Name => "label-flip";

    public override int Spoil(Span<int> labels, int classes)
    {
        foreach (ref int label in labels) label = classes - 1 - label;
        return labels.Length;
    }
}
