namespace Detox.Mpi.Training.Schedules;

/// <summary>(1 + cos(pi t / steps)) / 2.</summary>
/// <remarks>Source: Loshchilov, Hutter 2017, "SGDR", equation 5, without restarts.</remarks>
internal sealed class CosineSchedule(long steps) : Schedule
{
    public override string Name => "cosine";

    public override double Share(long t) => (1 - SineOfHalfTurns(((double)t / steps) - 0.5)) / 2;

    /// <summary>sin(pi x) for x from -1/2 to 1/2, by its series up to the 21st power; what is left out is below 1e-17.</summary>
    private static double SineOfHalfTurns(double x)
    {
        double y = Math.PI * x, square = y * y, sum = 1;
        for (int power = 20; power >= 2; power -= 2) sum = 1 - (square / (power * (power + 1)) * sum);
        return y * sum;
    }
}
