using Detox.Gpu;

namespace Detox.Mpi.Training;

/// <summary>How long rank 0 waits in a step: for ballots, and for the answer to a question.</summary>
/// <remarks>Without --patience it is ten median steps and at least five seconds. The first step, in which programs compile and caches are
/// cold, is given longer.</remarks>
internal sealed class StepPatience(float? seconds)
{
    private const int MedianSteps = 10;
    private const double LeastSeconds = 5;
    private const int FirstFactor = 12;
    private const double FirstLeastSeconds = 30;
    private const double FirstAnswerSeconds = 1;
    private const double LeastAnswerSeconds = 0.1;
    private const double HoldSteps = 1.5;
    private const int Remembered = 31;

    private readonly double[] _last = new double[Remembered];
    private readonly double[] _sorted = new double[Remembered];
    private int _count;

    /// <summary>For all that a step needs of a rank.</summary>
    public TimeSpan Whole { get; private set; } = First(seconds);

    /// <summary>For one answer: after that another rank is asked too, where another one can answer.</summary>
    public TimeSpan Answer { get; private set; } = TimeSpan.FromSeconds(FirstAnswerSeconds);

    /// <summary>For the ranks of a group that suffice for a majority, before the others compute too; nothing until a step's length is known.</summary>
    public TimeSpan Hold { get; private set; }

    /// <summary>A step has taken so many seconds.</summary>
    public void Add(double step)
    {
        _last[_count++ % Remembered] = step;
        int known = Math.Min(_count, Remembered);
        _last.AsSpan(0, known).CopyTo(_sorted);
        _sorted.AsSpan(0, known).Sort();
        double median = _sorted[known / 2];
        Hold = TimeSpan.FromSeconds(HoldSteps * median);
        Whole = TimeSpan.FromSeconds(seconds ?? Math.Max(LeastSeconds, MedianSteps * median));
        Answer = TimeSpan.FromSeconds(Math.Clamp(2 * median, Math.Min(LeastAnswerSeconds, Whole.TotalSeconds / 4), Whole.TotalSeconds / 4));
    }

    private static TimeSpan First(float? seconds)
        => TimeSpan.FromSeconds(Math.Max(FirstLeastSeconds, FirstFactor * (seconds ?? LeastSeconds)));
}
