namespace Detox.Mpi.Training.Schedules;

/// <summary>1.</summary>
internal sealed class ConstantSchedule : Schedule
{
    public override string Name => "constant";

    public override double Share(long t) => 1;
}
