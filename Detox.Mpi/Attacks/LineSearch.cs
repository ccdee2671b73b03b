namespace Detox.Mpi.Attacks;

/// <summary>Looks for the factor from 0 on at which a function is largest, by mere trial.</summary>
/// <remarks>From 0 it goes on by 10, and twice as far as before each time, while that gets better. From the first failure on each step is 0.8 of the one before: a
/// step up from below the best, else a step down, or half as far from 0 where that would be less than 0. Source: El Mhamdi, Guerraoui, Rouault 2021, "Distributed
/// momentum for Byzantine-resilient stochastic gradient descent", its experiments.</remarks>
internal static class LineSearch
{
    public const int Evaluations = 20;

    public static double Maximise(Func<double, double> function)
    {
        const double firstStep = 10, expansion = 2, contraction = 0.8;
        double best = 0, most = function(best), proposal = best, step = firstStep;
        bool expands = true;
        for (int i = 1; i < Evaluations; i++)
        {
            proposal = expands || proposal < best ? proposal + step : Below(proposal, step);
            double found = function(proposal);
            bool isBetter = found > most;
            if (isBetter) (best, most) = (proposal, found);
            expands &= isBetter;
            step *= expands ? expansion : contraction;
        }

        return best;
    }

    private static double Below(double proposal, double step)
    {
        double lower = proposal - step;
        while (lower < 0) lower = (lower + proposal) / 2;
        return lower;
    }
}
