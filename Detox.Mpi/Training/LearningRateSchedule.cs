using Detox.Mpi.Training.Schedules;

namespace Detox.Mpi.Training;

/// <summary>The optimizer's rate as a function of the step: a warm-up, then a schedule that begins where the warm-up ends.</summary>
/// <remarks>With rate r, warm-up of W steps, t = step - W:
/// warm-up: r (step + 1) / W for step &lt; W (Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.2);
/// then r times the schedule's share at t. In double, rounded once.</remarks>
internal sealed class LearningRateSchedule
{
    private readonly float _rate;
    private readonly int _warmUp;
    private readonly Schedule _schedule;

    private LearningRateSchedule(float rate, int warmUp, Schedule schedule)
    {
        (_rate, _warmUp, _schedule) = (rate, warmUp, schedule);
    }

    /// <summary>Reads --schedule, --warm-up, --steps and --learning-rate; a FormatException says what is wrong with the schedule.</summary>
    public static LearningRateSchedule Create(TrainOptions options)
        => new(options.LearningRate, options.WarmUp, Schedule.Parse(options.Schedule, (long)options.Steps - options.WarmUp));

    /// <param name="step">From 0.</param>
    public float Rate(long step)
        => (float)(_rate * (step < _warmUp ? (step + 1.0) / _warmUp : _schedule.Share(step - _warmUp)));
}
