using Detox.Gpu.Tables;

namespace Detox.Mpi.Training.Schedules;

/// <summary>How the learning rate goes down: its share of the full rate as a function of the step.</summary>
/// <remarks>In double, by +, -, * and / only, so that a rate is the same bits on every machine.</remarks>
internal abstract class Schedule
{
    /// <summary>Every schedule, made from its parameters and the number of its steps. To add one is to add its file and a row.</summary>
    public static Table<Func<Call, long, Schedule>> Known { get; } = new(
        "schedule",
        [
            new("constant", "the same rate in every step", (_, _) => new ConstantSchedule()),
            new("step(every=N,factor=0.1)", "times the factor every N steps", (call, _) => new StepSchedule(call.Int("every", 1), call.Float("factor", above: 0, most: 1))),
            new("cosine", "to 0 at the last step, along a cosine", (_, steps) => new CosineSchedule(steps)),
        ]);

    /// <summary>The canonical text, parameters as resolved: "step(every=20,factor=0.1)".</summary>
    public abstract string Name { get; }

    /// <summary>Reads "step(every=20)"; a FormatException says what exists.</summary>
    /// <param name="steps">T - W: the steps of the run that come after the warm-up.</param>
    public static Schedule Parse(string text, long steps)
    {
        (Func<Call, long, Schedule> make, Call call) = Known.Find(text);
        return make(call, steps);
    }

    /// <param name="t">Steps since the end of the warm-up.</param>
    /// <returns>From 0 to 1.</returns>
    public abstract double Share(long t);
}
