using System.Globalization;
using Detox.Mpi.Messaging;
using Detox.Mpi.Planning;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Pages;

/// <summary>A step as a report uses it.</summary>
/// <param name="Seconds">By <see cref="Phase"/>.</param>
/// <param name="Winners">Groups whose vector came.</param>
/// <param name="Variance">Of the mean of the winners' gradients; NaN where the run did not measure it.</param>
internal sealed record StepFacts(long Step, float Loss, float LearningRate, IReadOnlyList<double> Seconds, long VectorBytes, int Winners, int Voids, bool IsSkipped, double Variance);

/// <summary>A look at the test set behind so many steps.</summary>
internal sealed record EvaluationFacts(long Step, double Seconds, double Accuracy, double Loss);

/// <summary>A fault, with the name of the parameter; empty where that is not known.</summary>
internal sealed record BlameFacts(Blame Blame, string Parameter)
{
    /// <summary>"rank 3, step 17: dissent; conv1.weight[0,0,1,2]: expected 0.1, found -10".</summary>
    public string Text => $"rank {Blame.Rank}, step {Blame.Step}: {RunFolder.Text(Blame.Fault)}{(Parameter.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; {Parameter}: expected {Blame.Expected:R}, found {Blame.Found:R}"))}";
}

/// <summary>A quantity of the ranks, as result.json has it.</summary>
internal sealed record RankFacts(string Name, double Least, double Mean, double Most);

/// <summary>What only a run that came to its end says.</summary>
internal sealed record EndFacts(double Accuracy, double Loss, double Seconds, double MedianStepSeconds, long PeakBytes, long? DivergedAt, string Weights, string Device, string Messaging, string Version)
{
    public IReadOnlyList<RankFacts> Ranks { get; init; } = [];

    /// <summary>Whether its ranks were threads, whose memory is one.</summary>
    public bool IsOneProcess => Messaging == InProcessCommunicator.Name;
}

/// <summary>What a report knows of one run, read from its folder once.</summary>
/// <param name="Options">Resolved.</param>
/// <param name="Hosts">By rank; empty where the run has not written them.</param>
/// <param name="End">Null where the run has not come to its end.</param>
internal sealed record RunFacts(
    string Folder,
    TrainOptions Options,
    IReadOnlyList<StepFacts> Steps,
    IReadOnlyList<EvaluationFacts> Evaluations,
    IReadOnlyList<BlameFacts> Blames,
    IReadOnlyList<string> Hosts,
    EndFacts? End)
{
    public string Name => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder)));

    /// <summary>The run's scheme in a few words.</summary>
    public string Method => new Scheme(Options.Ranks!.Value, Options.GroupSize, Options.Within, Options.Across, Options.Pre, Options.Buckets!.Value).Title(Options.MostCapturedGroups);

    public bool IsDiverged => End?.DivergedAt is not null;

    /// <summary>At the end, or at the last look so far; null where there was none.</summary>
    public double? Accuracy => End?.Accuracy ?? (Evaluations.Count > 0 ? Evaluations[^1].Accuracy : null);

    public bool HasVariance => Steps.Any(step => double.IsFinite(step.Variance));

    /// <summary>How far the run has come, in a few words.</summary>
    public string State => End switch
    {
        null => $"unfinished: {Steps.Count:N0} of {Options.Steps:N0} steps",
        { DivergedAt: { } step } => $"diverged in step {step:N0}",
        _ => $"ended after {Steps.Count:N0} steps",
    };

    /// <summary>The mean over the steps, in seconds.</summary>
    public double MeanSecondsOf(Phase phase) => Mean(step => step.Seconds[(int)phase]);

    /// <summary>Vectors that reached rank 0, bytes a step.</summary>
    public double MeanVectorBytes => Mean(step => step.VectorBytes);

    /// <summary>The mean over the steps that have it.</summary>
    public double MeanVariance => Steps.Where(step => double.IsFinite(step.Variance)).Select(step => step.Variance).DefaultIfEmpty(double.NaN).Average();

    /// <summary>Samples that the aggregated gradient of a step stands on.</summary>
    public double MeanSamples => Mean(step => (double)step.Winners * Options.Batch);

    /// <summary>Of one sample each, that all ranks together compute in a step.</summary>
    public double Gradients => (double)Options.Ranks!.Value * Options.Batch;

    /// <summary>Steps behind which a look at the test set first found so much; null where none did.</summary>
    public long? FirstStepAt(double accuracy) => Evaluations.FirstOrDefault(look => look.Accuracy >= accuracy)?.Step;

    /// <summary>Of the first steps, without what an attack computes.</summary>
    public double MethodSeconds(long steps) => Steps.Take((int)steps).Sum(step => step.Seconds.Sum() - step.Seconds[(int)Phase.Attack]);

    private double Mean(Func<StepFacts, double> of) => Steps.Select(of).DefaultIfEmpty(double.NaN).Average();
}
