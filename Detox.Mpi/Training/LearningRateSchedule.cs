using Detox.Mpi.Attacks;

namespace Detox.Mpi.Training;

/// <summary>The optimizer's rate as a function of the step: a warm-up, then a schedule that begins where the warm-up ends.</summary>
/// <remarks>With rate r, warm-up of W steps, T steps in all, t = step - W:
/// warm-up: r (step + 1) / W for step &lt; W (Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.2);
/// constant: r; step(every=N,factor=x): r x^floor(t / N);
/// cosine: r (1 + cos(pi t / (T - W))) / 2 (Loshchilov, Hutter 2017, "SGDR", equation 5, without restarts).
/// In double, rounded once; +, -, * and / only, so that a rate is the same bits on every machine.</remarks>
internal sealed class LearningRateSchedule
{
    private static readonly string[] _names = ["constant", "step", "cosine"];

    private readonly float _rate;
    private readonly int _warmUp;
    private readonly Func<long, double> _share;

    private LearningRateSchedule(float rate, int warmUp, Func<long, double> share)
    {
        (_rate, _warmUp, _share) = (rate, warmUp, share);
    }

    /// <summary>Reads --schedule, --warm-up, --steps and --learning-rate; a FormatException says what is wrong with the schedule.</summary>
    public static LearningRateSchedule Create(TrainOptions options)
    {
        Call call = Call.Parse(options.Schedule);
        Func<long, double> share = call.Name switch
        {
            "constant" => static _ => 1,
            "step" => Stairs(call.Count("every"), call.Number("factor", 0.1f)),
            "cosine" => Cosine((long)options.Steps - options.WarmUp),
            _ => throw new FormatException($"there is no schedule '{call.Name}'; there are {string.Join(", ", _names)}."),
        };
        call.RefuseUnused();
        return new LearningRateSchedule(options.LearningRate, options.WarmUp, share);
    }

    /// <param name="step">From 0.</param>
    public float Rate(long step)
        => (float)(_rate * (step < _warmUp ? (step + 1.0) / _warmUp : _share(step - _warmUp)));

    private static Func<long, double> Stairs(int every, float factor)
    {
        if (factor is not (> 0 and <= 1)) throw new FormatException($"step: factor is above 0 and at most 1, found '{factor}'.");

        // The factor as it is written: 0.1, not the float next to it.
        double share = (double)(decimal)factor;
        return t =>
        {
            double product = 1;
            for (long stair = t / every; stair > 0 && product > 0; stair--) product *= share;
            return product;
        };
    }

    private static Func<long, double> Cosine(long steps) => t => (1 - SineOfHalfTurns(((double)t / steps) - 0.5)) / 2;

    /// <summary>sin(pi x) for x from -1/2 to 1/2, by its series up to the 21st power; what is left out is below 1e-17.</summary>
    private static double SineOfHalfTurns(double x)
    {
        double y = Math.PI * x, square = y * y, sum = 1;
        for (int power = 20; power >= 2; power -= 2) sum = 1 - (square / (power * (power + 1)) * sum);
        return y * sum;
    }
}
