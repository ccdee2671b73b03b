using Detox.Gpu;

namespace Detox.Mpi.Attacks;

/// <summary>Against trimmed mean and median: all attackers send, coordinate by coordinate, a value beyond the honest extreme that lies against the mean's sign, by at most a factor b.</summary>
/// <remarks>With u uniform in [1, b) it is the least honest value where the mean is positive, the greatest where it is negative, times u where that leads away from
/// the mean, else divided by u; 0 where the mean is 0. Source: Fang, Cao, Jia, Gong 2020, "Local model poisoning attacks to Byzantine-robust federated learning", the attack of
/// full knowledge, drawn as in its authors' code; all attackers draw the same u.</remarks>
public sealed class FangAttack(float b) : Attack
{
    public override string Name => $"fang(b={b:R})";

    public override bool NeedsHonestGradients => true;

    public override void Collude(HonestPayloads honest, in AttackContext context, Span<float> payload)
    {
        SeededRandom random = context.Shared;
        double[] column = new double[honest.Count];
        for (int j = 0; j < payload.Length; j++)
        {
            honest.Column(j, column);
            double mean = Moments.Mean(column), u = 1 + ((b - 1.0) * random.NextFloat());
            double extreme = mean == 0 ? 0 : mean > 0 ? column.Min() : column.Max();
            payload[j] = (float)(extreme > 0 == mean > 0 ? extreme / u : extreme * u);
        }
    }
}
