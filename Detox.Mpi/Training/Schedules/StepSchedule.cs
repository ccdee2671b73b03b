namespace Detox.Mpi.Training.Schedules;

/// <summary>factor^floor(t / every).</summary>
internal sealed class StepSchedule(int every, float factor) : Schedule
{
    // The factor as it is written: 0.1, not the float next to it.
    private readonly double _factor = (double)(decimal)factor;

    public override string Name => $"step(every={every},factor={factor:R})";

    public override double Share(long t)
    {
        double product = 1;
        for (long stair = t / every; stair > 0 && product > 0; stair--) product *= _factor;
        return product;
    }
}
