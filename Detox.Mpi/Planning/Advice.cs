namespace Detox.Mpi.Planning;

/// <summary>Which scheme pays, and why.</summary>
/// <param name="Best">Null where nothing withstands the wrong ranks.</param>
internal sealed record Advice(Forecast? Best, string Text)
{
    /// <summary>The scheme of the least error among those that withstand; of equal ones the simplest.</summary>
    /// <param name="plain">The asked rules at r = 1.</param>
    /// <param name="rules">Those that withstand at r = 1, the first of which stands in where the asked ones do not.</param>
    public static Advice Of(Forecast asked, Forecast average, Forecast plain, IReadOnlyList<Forecast> rules, IReadOnlyList<Forecast> others, int byzantine, double faultRate)
    {
        Forecast? atOne = plain.Withstands ? plain : rules.Count > 0 ? rules[0] : null;
        List<Forecast> votes = [.. others.Append(asked).Where(forecast => forecast.Scheme.GroupSize > 1 && forecast.Withstands).OrderBy(forecast => forecast.Scheme.GroupSize)];
        Forecast? vote = votes.MinBy(forecast => forecast.Error);
        Forecast? best = new[] { average.Withstands ? average : null, atOne, vote }.OfType<Forecast>().MinBy(forecast => forecast.Error);
        int p = asked.Scheme.Ranks;
        string text = best switch
        {
            null => $"nothing here withstands {byzantine} Byzantine ranks of {p}{Least([asked, .. others])}",
            { Scheme.IsAverage: true } => $"average: nothing else pays here, {WhyAverage(best, faultRate)}",
            _ when best == atOne => $"{Rule(best)} at r = 1 withstands it: {Vectors(best)}, so the error is at least {Figure.Text(best.Error)} of a batch's variance; "
                + (vote is null ? "no vote withstands it" : $"a vote of r = {vote.Scheme.GroupSize} leaves {vote.Scheme.Groups} vectors and {Figure.Text(vote.Error)}"),
            _ => $"DETOX with r = {best.Scheme.GroupSize}: the vote leaves {Vectors(best)}, so the error is at least {Figure.Text(best.Error)} of a batch's variance; "
                + (atOne is null ? "at r = 1 no rule withstands it" : $"at r = 1 {Rule(atOne)} has {Vectors(atOne)}, and {Figure.Text(atOne.Error)}")
                + (best.Told == 0 ? "; no group can be captured, so the vote alone is enough, --across mean" : ""),
        };
        if (best is not null && best != asked && best.Scheme.GroupSize > 1 && asked.Scheme.GroupSize > 1)
            text += asked.Withstands ? $"; r = {asked.Scheme.GroupSize}, as asked, {Figure.Text(asked.Error)}" : $"; r = {asked.Scheme.GroupSize}, as asked, does not withstand it";
        return new Advice(best, text + ".");
    }

    private static string WhyAverage(Forecast average, double faultRate) => faultRate == 0
        ? average.Scheme.Ranks == 1 ? "with one rank" : "for no rank is wrong, and whatever votes or drops vectors makes less of the samples"
        : "for a rank errs in fewer than one of 1e9 steps";

    private static string Least(IEnumerable<Forecast> forecasts)
        => forecasts.Where(forecast => forecast.Refused is null).MinBy(forecast => forecast.Broken) is { Broken: < 1 } least
            ? $"; {least.Scheme.Title(least.Told)} is broken least, in a step with probability {Figure.Text(least.Broken)}" : "";

    private static string Vectors(Forecast forecast)
        => $"{Figure.Text(forecast.Outcomes.Wrong.Mean)} wrong {(forecast.Outcomes.Wrong.Mean == 1 ? "vector" : "vectors")} of {forecast.Scheme.Groups}";

    /// <summary>The rule without what stands before it in its title.</summary>
    private static string Rule(Forecast forecast) => forecast.Scheme.Title(forecast.Told)["r = 1: ".Length..];
}
