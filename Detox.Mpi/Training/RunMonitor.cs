using System.Diagnostics;

namespace Detox.Mpi.Training;

/// <summary>What a run has that shares its process with others: a log of its own, the time of its begin, and how far it is, for others to see.</summary>
/// <remarks>The run writes, threads of others read. Each value is whole by itself.</remarks>
/// <param name="log">Takes what a run alone says on the console; from several threads.</param>
internal sealed class RunMonitor(TextWriter log)
{
    private readonly long _begun = Stopwatch.GetTimestamp();
    private long _steps;
    private long _first = -1;
    private long _firstEnd;
    private long _lastEnd;
    private long _evaluated;
    private double _accuracy = double.NaN;

    public TextWriter Log { get; } = log;

    /// <summary>Since the run was asked for.</summary>
    public double Seconds => Stopwatch.GetElapsedTime(_begun).TotalSeconds;

    /// <summary>Steps that are over, those of earlier parts of the run included.</summary>
    public long Steps => Volatile.Read(ref _steps);

    /// <summary>0 to 1; not a number before the first evaluation.</summary>
    public double Accuracy => Volatile.Read(ref _accuracy);

    /// <summary>The mean of the steps behind the first, which has more to prepare; not a number before the second.</summary>
    public double SecondsAStep
        => Steps > _first + 1 && _first >= 0 ? Stopwatch.GetElapsedTime(_firstEnd, Volatile.Read(ref _lastEnd)).TotalSeconds / (Steps - _first - 1) : double.NaN;

    /// <summary>From the begin to the end of the first step.</summary>
    public double SecondsToFirst => _first >= 0 ? Stopwatch.GetElapsedTime(_begun, _firstEnd).TotalSeconds : double.NaN;

    /// <summary>What the last evaluation took; not a number before the first.</summary>
    public double SecondsToEvaluate => _evaluated > 0 ? Stopwatch.GetElapsedTime(Volatile.Read(ref _lastEnd), Volatile.Read(ref _evaluated)).TotalSeconds : double.NaN;

    public void StepIsOver(long step)
    {
        long now = Stopwatch.GetTimestamp();
        if (_first < 0) (_first, _firstEnd) = (step, now);
        Volatile.Write(ref _lastEnd, now);
        Volatile.Write(ref _steps, step + 1);
    }

    public void IsEvaluated(Score score)
    {
        Volatile.Write(ref _evaluated, Stopwatch.GetTimestamp());
        Volatile.Write(ref _accuracy, score.Accuracy);
    }
}
