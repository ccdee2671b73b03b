using Detox.Mpi.Training;

namespace Detox.Mpi.Checkpoints;

/// <summary>Which options a resumed run may have: the run's own, and others where no bit depends on them.</summary>
internal static class ResumeOptions
{
    private static readonly string[] _ofNoBit = ["device", "threads", "out", "name", "evaluate-every", "patience", "wait", "checkpoint-every", "max-hours", "quarantine", "measure"];

    /// <summary>Those that decide nothing but groups; what comes of them is compared.</summary>
    private static readonly string[] _ofGroups = ["ranks", "group-size", "byzantine"];

    /// <summary>All problems, each a sentence with both values; none where the run may go on with such options.</summary>
    /// <param name="run">The run's, resolved.</param>
    /// <param name="wanted">Resolved and valid.</param>
    /// <param name="done">Steps that are behind it.</param>
    /// <param name="acceptsNewGroups">Whether another number of groups is wanted, which makes another trajectory.</param>
    public static IReadOnlyList<string> Problems(TrainOptions run, TrainOptions wanted, long done, bool acceptsNewGroups)
    {
        List<string> problems = [];
        bool hasNewGroups = wanted.GroupCount != run.GroupCount;
        foreach (TrainOption option in TrainOption.All)
        {
            string was = option.Text(run), now = option.Text(wanted);
            if (was == now || _ofNoBit.Contains(option.Name) || _ofGroups.Contains(option.Name)) continue;
            if (option.Name == "steps")
            {
                if (!HasSameRates(run, wanted, done)) problems.Add($"--steps {now}: the learning rates of the {done} steps behind it depend on the run's {was}; leave --steps out.");
            }
            else if (!(option.Name == "buckets" && hasNewGroups && acceptsNewGroups))
            {
                problems.Add($"--{option.Name} {now}: the run has {was}, and its bits depend on it.");
            }
        }

        if (hasNewGroups && !acceptsNewGroups)
        {
            problems.Add(
                $"{wanted.Ranks} ranks in groups of {wanted.GroupSize} make {wanted.GroupCount} groups, and the run has {run.GroupCount}: other samples in each step, and so another trajectory; start {run.GroupCount} groups, or say --accept-new-groups.");
        }

        if (wanted.MostCapturedGroups != run.MostCapturedGroups && !hasNewGroups)
        {
            int majority = (wanted.GroupSize + 1) / 2;
            problems.Add(
                $"--byzantine {wanted.Byzantine}: the rules would be told f = {wanted.MostCapturedGroups}, and the run's are told {run.MostCapturedGroups}; between {run.MostCapturedGroups * majority} and {((run.MostCapturedGroups + 1) * majority) - 1} mean the same in groups of {wanted.GroupSize}.");
        }

        return problems;
    }

    private static bool HasSameRates(TrainOptions run, TrainOptions wanted, long done)
    {
        LearningRateSchedule was = LearningRateSchedule.Create(run), now = LearningRateSchedule.Create(wanted);
        for (long step = 0; step < done; step++)
            if (was.Rate(step) != now.Rate(step)) return false;
        return true;
    }
}
