namespace Detox.Mpi.Attacks;

/// <summary>"A little is enough": all attackers send mean + z * standard deviation of the honest gradients, coordinate by
/// coordinate, so that the wrong vector hides within the spread of the right ones.</summary>
/// <remarks>The mean and the population standard deviation (divisor n) are taken in double over the honest ranks'
/// distinct gradients, in ascending order of their groups. Source: Baruch, Baruch, Goldberg 2019.</remarks>
public sealed class AlieAttack(float z) : Attack
{
    public override string Name => $"alie(z={z:R})";

    public override bool NeedsHonestGradients => true;

    public override void Collude(HonestPayloads honest, Span<float> payload)
    {
        int n = honest.Count;
        for (int j = 0; j < payload.Length; j++)
        {
            double sum = 0, squares = 0;
            for (int i = 0; i < n; i++) sum += honest[i][j];
            double mean = sum / n;
            for (int i = 0; i < n; i++)
            {
                double difference = honest[i][j] - mean;
                squares += difference * difference;
            }

            payload[j] = (float)(mean + (z * Math.Sqrt(squares / n)));
        }
    }
}
