using System.Globalization;
using Detox.Mpi.Groups;

namespace Detox.Mpi.Training;

/// <summary>Ranks that were wrong too often: they are asked no more, and their groups go on with the rest.</summary>
/// <remarks>Of a group of three two are left, which must agree. A group that would have fewer than two ends the run: nothing there could be voted on.</remarks>
internal sealed class Quarantine(QuarantineRule rule, GroupTable groups, IReadOnlyList<Conversation> ranks, StepRecord record)
{
    private const int FewestOfAGroup = 2;

    private readonly Queue<bool>[] _lately = [.. ranks.Select(_ => new Queue<bool>())];

    /// <summary>Why the run cannot go on; null where it can.</summary>
    public string? Problem { get; private set; }

    /// <summary>The hosts of ranks that are asked no more, each once.</summary>
    public IReadOnlyList<string> Hosts => [.. ranks.Where(rank => rank.IsQuarantined).Select(rank => rank.Host).Distinct()];

    /// <summary>What an earlier start has written down: the ranks of these hosts are not asked at all.</summary>
    public void Exclude(IReadOnlyCollection<string> hosts)
    {
        foreach (Conversation rank in ranks)
            if (hosts.Contains(rank.Host)) Take(rank, $"rank {rank.Rank} is on {rank.Host}, which is in quarantine, and is not asked.");
    }

    /// <summary>Looks at a step that is over; whether a rank is new in quarantine.</summary>
    public bool Judge()
    {
        if (rule.IsNever) return false;
        bool any = false;
        foreach (Conversation rank in ranks)
        {
            if (rank.IsQuarantined || rank.Ballot is null) continue;
            Queue<bool> lately = _lately[rank.Rank];
            lately.Enqueue(record.Blames.Exists(blame => blame.Step == record.Step && blame.Rank == rank.Rank && QuarantineRule.Counts(blame.Fault)));
            if (lately.Count > rule.Steps) lately.Dequeue();
            int faults = lately.Count(wasWrong => wasWrong);
            if (faults < rule.Faults) continue;
            Take(rank, string.Create(CultureInfo.InvariantCulture, $"rank {rank.Rank} on {rank.Host} was wrong in {faults} of its last {lately.Count} steps, and is asked no more."));
            any = true;
        }

        return any;
    }

    private void Take(Conversation rank, string notice)
    {
        rank.IsQuarantined = true;
        record.Notices.Add(notice);
        rank.TrySay(new Instruction { Head = new Head { Kind = MessageKind.Rest } });
        int left = 0;
        foreach (int member in groups.Members(rank.Group))
            if (!ranks[member].IsQuarantined) left++;
        if (left < FewestOfAGroup) Problem ??= string.Create(CultureInfo.InvariantCulture, $"group {rank.Group} has {left} of its {groups.GroupSize} ranks left");
    }
}
