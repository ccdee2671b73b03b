using Detox.Gpu.Digests;

namespace Detox.Mpi.Training;

/// <summary>What a rank did wrong in a step.</summary>
public enum Fault
{
    /// <summary>Its ballot is not its group's.</summary>
    Dissent,

    /// <summary>It voted with its group, but the vector that it sent is another, or none.</summary>
    VectorMismatch,

    /// <summary>It says that the weights that rank 0's own hand gave it are damaged.</summary>
    DamagedWeights,

    /// <summary>Its ballot is not its group's, and the leaves that it showed do not lead to that ballot.</summary>
    FalseLeaves,

    /// <summary>It sent what has no place in the conversation: of a wrong length, kind or step, or too much.</summary>
    Protocol,

    /// <summary>It left a question unanswered, or a promise, and spoke of other things.</summary>
    NoAnswer,

    /// <summary>It was silent for so long that the run goes on without it.</summary>
    Absent,

    /// <summary>It passed on other weights than rank 0's.</summary>
    FalseWeights,
}

/// <summary>One rank's fault in one step, down to the parameter where that is known.</summary>
/// <param name="Leaves">How many leaves of 1,024 floats differ from the winner's; 0 where that is not known.</param>
/// <param name="Index">The first wrong element of the payload; -1 where that is not known.</param>
public sealed record Blame(long Step, int Rank, int Group, Fault Fault, int Leaves = 0, int Index = -1, float Expected = 0, float Found = 0);

/// <summary>What rank 0 saw in one step.</summary>
public sealed class StepRecord
{
    public long Step { get; set; }

    /// <summary>The aggregated loss of the step's samples; NaN where the step was skipped.</summary>
    public float Loss { get; set; }

    /// <summary>The length of the optimizer's step; NaN where the step was skipped.</summary>
    public float LearningRate { get; set; }

    /// <summary>The variance of the mean of the winners' gradients, summed over the parameters; NaN where it is not measured. See <see cref="SpreadMeter"/>.</summary>
    public double Variance { get; set; } = double.NaN;

    /// <summary>Why the step changed no weights; null where it did.</summary>
    public string? Skipped { get; set; }

    /// <summary>Whether rank 0's own part had no finite loss, before any attack: the training itself has failed.</summary>
    public bool Diverged { get; set; }

    /// <summary>The digest of the weights that the step was computed with: the root of their SHA-256 tree.</summary>
    public Ballot Weights { get; set; }

    /// <summary>By group: the ballot that won, and whose vector came; null where the group was void.</summary>
    public List<Ballot?> Roots { get; } = [];

    /// <summary>Groups without a majority.</summary>
    public List<int> Voids { get; } = [];

    /// <summary>Those of them that had no majority because ranks did not answer: time has reached the weights.</summary>
    public List<int> VoidsByTime { get; } = [];

    /// <summary>Whether a rank is asked no more from this step on.</summary>
    public bool HasQuarantined { get; set; }

    /// <summary>Ranks that had not voted when the step ended.</summary>
    public List<int> Missing { get; } = [];

    public List<Blame> Blames { get; } = [];

    /// <summary>What a person should hear at once, a sentence each.</summary>
    public List<string> Notices { get; } = [];

    /// <summary>Adds a blame; of several messages of a rank's that are wrong alike in a step, one.</summary>
    public void Add(Blame blame)
    {
        if (!Blames.Exists(other => other.Step == blame.Step && other.Rank == blame.Rank && other.Fault == blame.Fault)) Blames.Add(blame);
    }

    /// <summary>Brings the blames into an order that does not depend on who answered first.</summary>
    public void SortBlames() => Blames.Sort(static (a, b) => (a.Step, a.Rank, a.Fault).CompareTo((b.Step, b.Rank, b.Fault)));

    /// <summary>Bytes of vectors that reached rank 0 from other ranks.</summary>
    public long VectorBytes { get; set; }

    /// <summary>Seconds by <see cref="Phase"/>, as rank 0 saw them.</summary>
    public double[] Seconds { get; } = new double[Enum.GetValues<Phase>().Length];

    /// <summary>The method's seconds: all phases but the attack's own.</summary>
    public double MethodSeconds => Seconds.Sum() - Seconds[(int)Phase.Attack];

    /// <summary>Whether a blame is of this step, and no one before it is of its rank and this step: faults of older steps come to light later.</summary>
    public bool IsFirstOfItsRank(int index)
    {
        if (Blames[index].Step != Step) return false;
        for (int i = 0; i < index; i++)
            if (Blames[i].Step == Step && Blames[i].Rank == Blames[index].Rank) return false;
        return true;
    }

    public void Clear(long step)
    {
        Step = step;
        Loss = float.NaN;
        LearningRate = float.NaN;
        Variance = double.NaN;
        Skipped = null;
        Diverged = false;
        HasQuarantined = false;
        Weights = default;
        Roots.Clear();
        Voids.Clear();
        VoidsByTime.Clear();
        Missing.Clear();
        Notices.Clear();
        Blames.Clear();
        VectorBytes = 0;
        Array.Clear(Seconds);
    }
}

/// <summary>The parts of a step whose time is told apart.</summary>
public enum Phase
{
    /// <summary>Until the last rank has its gradient.</summary>
    Compute,

    /// <summary>What an attack costs that needs the honest gradients; never counted as the method's.</summary>
    Attack,

    /// <summary>Ballots, votes, the winners' vectors sent, received and verified, and who is to blame.</summary>
    Vote,

    /// <summary>The rules and the optimizer's step.</summary>
    Aggregate,

    /// <summary>The weights on their way back.</summary>
    Broadcast,

    /// <summary>What a step stands still for a checkpoint.</summary>
    Checkpoint,
}
