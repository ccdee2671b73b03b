using Detox.Mpi;
using Detox.Mpi.Sweeps;
using NUnit.Framework;

namespace Detox.Tests.Sweeps;

/// <summary>Which cells a task of a SLURM array and a rank of a launcher take.</summary>
public sealed class ShareTests
{
    [Test]
    public void EachCellIsOneProcessesAlone([Values(1, 2, 5)] int tasks, [Values(1, 3)] int ranks)
    {
        List<Share> shares = [];
        for (int task = 0; task < tasks; task++)
            for (int rank = 0; rank < ranks; rank++) shares.Add(Share.OfArray(Array(10 + (2 * task), tasks, 10, 2)).OfRank(rank, ranks));
        for (int cell = 0; cell < 40; cell++) Assert.That(shares.Count(share => share.Has(cell)), Is.EqualTo(1), $"cell {cell}");
        Assert.That(shares.Select(share => share.Count), Is.All.EqualTo(tasks * ranks));
    }

    [Test]
    public void WithoutAnArrayAllCellsAreTheProcesses() => Assert.That(Share.OfArray(new Dictionary<string, string>()), Is.EqualTo(new Share(0, 1)));

    [TestCase(7, 3, 1, 1)]
    [TestCase(2, 3, 1, 2)]
    [TestCase(0, 3, 1, 1)]
    public void AnArrayThatIsNoRangeIsRefused(int id, int count, int first, int step)
        => Assert.That(Assert.Throws<DetoxException>(() => Share.OfArray(Array(id, count, first, step)))!.Code, Is.EqualTo(ExitCode.Environment));

    private static Dictionary<string, string> Array(int id, int count, int first, int step) => new()
    {
        ["SLURM_ARRAY_TASK_ID"] = $"{id}",
        ["SLURM_ARRAY_TASK_COUNT"] = $"{count}",
        ["SLURM_ARRAY_TASK_MIN"] = $"{first}",
        ["SLURM_ARRAY_TASK_STEP"] = $"{step}",
    };
}
