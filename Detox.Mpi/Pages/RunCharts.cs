using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Pages;

/// <summary>The pictures of one run.</summary>
internal static class RunCharts
{
    private const int MostPoints = 150;

    public static IReadOnlyList<Chart> Draw(RunFacts run)
    {
        string seed = $"One run, n = 1, seed {run.Options.Seed}.";
        List<Chart> charts = [];
        if (run.Evaluations.Count > 0)
        {
            Chart accuracy = new("accuracy-by-step", "Accuracy", $"Share of the test set that is classified right. {seed}");
            Charts.Lines(accuracy, "steps", "", [new Series("accuracy", 0, [.. run.Evaluations.Select(look => ((double)look.Step, Spread.Of(look.Accuracy)))])], Numbers.Percent, Numbers.ShortPercent);
            charts.Add(accuracy);
        }

        OverSteps("loss-by-step", "Training loss", "The aggregated loss of a step's samples", step => step.Loss, 1);
        if (run.Steps.Count > 0)
        {
            Phase[] phases = [.. Enum.GetValues<Phase>().Where(phase => run.MeanSecondsOf(phase) > 0)];
            Chart time = new("time-by-phase", "Time of a step by phase", $"Milliseconds, the mean over {run.Steps.Count:N0} steps; what the attack computes is no cost of the method. {seed}");
            Charts.Stacks(time, "ms", [.. phases.Select(RunSummary.Name)], [("mean", [.. phases.Select(phase => 1e3 * run.MeanSecondsOf(phase))])], value => $"{Numbers.Short(value)} ms");
            charts.Add(time);
        }

        OverSteps("bytes-by-step", "MB of vectors into rank 0", "Winners' vectors and leaves of dissenters that reach rank 0 in a step, in MB", step => step.VectorBytes / 1e6, 2);
        if (run.HasVariance)
            OverSteps("variance-by-step", "Variance of the mean gradient", $"Of the mean of the winners' gradients, summed over the parameters, from {Numbers.Whole(run.MeanSamples)} samples a step", step => step.Variance, 3);
        if (run.Blames.Count > 0) charts.Add(BlameMap.Draw(run));
        return charts;

        void OverSteps(string name, string title, string what, Func<StepFacts, double> of, int look)
        {
            if (!run.Steps.Any(step => double.IsFinite(of(step)))) return;
            int share = (run.Steps.Count + MostPoints - 1) / MostPoints;
            string band = share == 1 ? "" : $"; line: the mean of {share:N0} steps, band: the least to the most of them";
            Chart chart = new(name, title, $"{what}{band}. {seed}");
            Charts.Lines(chart, "step", "", [new Series(title, look, [.. run.Steps.Chunk(share).Select(steps => ((double)steps[0].Step, Spread.Of(steps.Select(of))))])], Numbers.Short);
            charts.Add(chart);
        }
    }
}
