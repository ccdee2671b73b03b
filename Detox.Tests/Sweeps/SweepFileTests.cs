using Detox.Mpi;
using Detox.Mpi.Sweeps;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Sweeps;

/// <summary>What a sweep's file means, and what is wrong with it.</summary>
public sealed class SweepFileTests
{
    private const string Grid =
        """
        ranks = 9
        batch = 4
        model = "softmax"
        attack = ["reverse", "alie(z=1)"]
        seed = [3, 1]

        [methods.voted]
        across = "median"

        [methods."no vote"]
        group-size = 1
        """;

    [Test]
    public void EveryCombinationIsACellInTheOrderOfTheFile()
    {
        IReadOnlyList<SweepCell> cells = Cells(Grid);
        Assert.That(cells.Select(cell => $"{cell.Method} {string.Join(' ', cell.Values)}"), Is.EqualTo((string[])
        [
            "voted reverse 3", "voted reverse 1", "voted alie(z=1) 3", "voted alie(z=1) 1",
            "no vote reverse 3", "no vote reverse 1", "no vote alie(z=1) 3", "no vote alie(z=1) 1",
        ]));
        SweepCell last = cells[^1];
        Assert.That(last.Options, Is.EqualTo(new TrainOptions
        {
            Ranks = 9,
            Batch = 4,
            Model = "softmax",
            Attack = "alie(z=1)",
            Seed = 1,
            GroupSize = 1,
            Out = "there",
            Name = last.Folder,
            Threads = 1,
        }.Resolve(null, 1)));
        Assert.That(last.Folder, Does.Match("^no-vote_attack=alie-z=1_seed=1_[0-9a-f]{10}$"));
        Assert.That(cells.Select(cell => cell.Folder), Is.Unique);
    }

    [TestCase("", 4, 4)]
    [TestCase("samples = \"per-rank\"", 4, 4)]
    [TestCase("samples = \"per-step\"", 12, 4)]
    public void TheConventionScalesTheBatch(string line, int voted, int notVoted)
    {
        IReadOnlyList<SweepCell> cells = Cells($"{line}\n{Grid}");
        Assert.That(cells[0].Options.Batch, Is.EqualTo(voted));
        Assert.That(cells[^1].Options.Batch, Is.EqualTo(notVoted));
        if (voted != notVoted) Assert.That(cells.Select(cell => cell.Options.GroupCount * cell.Options.Batch), Is.All.EqualTo(9 * 4));
    }

    [Test]
    public void AMethodsOptionWinsOverThatOfAll()
        => Assert.That(Cells("across = \"mean\"\n[methods.a]\n[methods.b]\nacross = \"median\"").Select(cell => cell.Options.Across), Is.EqualTo((string[])["mean", "median"]));

    [Test]
    public void WithoutMethodsAndListsThereIsOneCell() => Assert.That(Cells("steps = 3").Single().Method, Is.EqualTo("default"));

    /// <summary>A value of each option that is not its default.</summary>
    private static IEnumerable<TestCaseData> OtherOptions()
    {
        Dictionary<string, string> values = new()
        {
            ["ranks"] = "15",
            ["group-size"] = "5",
            ["byzantine"] = "1",
            ["attack"] = "nan",
            ["placement"] = "fixed",
            ["buckets"] = "3",
            ["within"] = "median",
            ["across"] = "mean",
            ["pre"] = "nnm",
            ["on-void"] = "recompute",
            ["wait"] = "majority",
            ["patience"] = "7",
            ["ballot"] = "sha256",
            ["model"] = "mlp",
            ["data"] = "objects",
            ["augment"] = "cifar",
            ["batch"] = "3",
            ["steps"] = "7",
            ["learning-rate"] = "0.5",
            ["schedule"] = "cosine",
            ["warm-up"] = "2",
            ["momentum"] = "0.5",
            ["weight-decay"] = "0.1",
            ["weight-decay-on"] = "weights",
            ["seed"] = "9",
            ["device"] = "cpu",
            ["evaluate-every"] = "3",
            ["checkpoint-every"] = "3",
            ["quarantine"] = "3/5",
            ["measure"] = "variance",
        };
        string[] ofTheSweep = ["out", "name", "threads", "max-hours"];
        foreach (TrainOption option in TrainOption.All)
            if (!ofTheSweep.Contains(option.Name)) yield return new TestCaseData(option.Name, values[option.Name]);
    }

    [TestCaseSource(nameof(OtherOptions))]
    public void EveryOptionIsInACellsIdentity(string name, string value)
    {
        SweepGrid plain = SweepFile.Parse("", "f"), other = SweepFile.Parse($"{name} = \"{value}\"", "f");
        Assert.That(Folder(other), Is.Not.EqualTo(Folder(plain)));
        Assert.That(Folder(plain), Is.EqualTo(Folder(SweepFile.Parse("# the same", "g"))));
    }

    [Test]
    public void DataAndProgramAreInACellsIdentity()
    {
        SweepGrid grid = SweepFile.Parse("", "f");
        Assert.That((string[])[Folder(grid), Folder(grid, data: "digits 2"), Folder(grid, program: "1.1")], Is.Unique);
    }

    [Test]
    public void AllProblemsAreSaidWithTheirLines()
    {
        const string text =
            """
            samples = "per-stp"
            nodel = 3
            attack = ["reverse", "alie", "alie"]
            byzantine = [0, 1]
            seed = []
            threads = 3
            batch = "x"
            steps = [1, [2]]
            momentum = 0.5
            momentum = 0.6

            [methods.A]
            byzantine = 3

            [methods.A]
            samples = "per-rank"
            across = ["mean", "median"]

            [method.B]
            [[methods.C]]
            """;
        string[] problems = ProblemsOf(text);
        (int Line, string Text)[] expected =
        [
            (1, "samples: expected \"per-rank\" or \"per-step\""), (2, "there is no key 'nodel'"), (3, "attack: alie is in the list twice"), (5, "seed: the list is empty"),
            (6, "'threads' is no key of a sweep"), (7, "batch: expected a whole number, found 'x'"), (8, "steps: expected one value"), (10, "'momentum' is there twice"),
            (13, "byzantine: it has a list in line 4"), (15, "the method 'A' is there twice; the first stands in line 12"), (16, "samples: all methods"),
            (17, "across: expected one value"), (19, "expected a table [methods.NAME], found [method.B]"), (20, "expected a table [methods.NAME], found [[methods.C]]"),
        ];
        Assert.That(problems, Has.Length.EqualTo(expected.Length));
        for (int i = 0; i < expected.Length; i++) Assert.That(problems[i], Does.StartWith($"f.toml, line {expected[i].Line}: {expected[i].Text}"));
    }

    [Test]
    public void WhatIsNoTomlIsSaidWithItsLine() => Assert.That(ProblemsOf("steps = 3\nseed = [1\n[methods.a]")[0], Does.Match("^f.toml, line [23]: "));

    /// <summary>One problem for all cells that have it, at the line that makes it.</summary>
    [Test]
    public void CellsThatCannotRunAreNamedBeforeAnyRuns()
    {
        const string text =
            """
            ranks = 9
            byzantine = [0, 4]
            seed = [1, 2, 3, 4]
            data = ["digits", "/nowhere/at/all"]

            [methods.A]
            group-size = 1
            across = "krum"

            [methods.B]
            group-size = 2
            """;
        string[] problems = ProblemsOf(text);
        Assert.That(problems.Where(problem => problem.StartsWith("f.toml", StringComparison.Ordinal)), Has.Exactly(4).Items);
        string all = string.Join('\n', problems);
        Assert.That(all, Does.Contain("f.toml, line 4: --data '/nowhere/at/all': expected a folder").And.Contain("line 8: --across krum").And.Contain("line 11: --group-size 2: a vote needs an odd number"));
        Assert.That(all, Does.Contain("method 'A', byzantine 4, seed 1, data digits").And.Contain("and 5 more"));
    }

    [Test]
    public void TooManyCellsAreRefused()
    {
        string list = string.Join(", ", Enumerable.Range(1, 400));
        Assert.That(ProblemsOf($"seed = [{list}]\nsteps = [{list}]").Single(), Does.Contain("160,000 cells"));
    }

    /// <summary>That nothing of B can be run is no matter of a few cells.</summary>
    [Test]
    public void AMethodThatIsLeftWithNoCellIsAProblem()
    {
        const string text = "refused = \"leave-out\"\nranks = 9\nbyzantine = [0, 4]\n[methods.A]\ngroup-size = 1\nacross = \"krum\"\n[methods.B]\ngroup-size = 2";
        Assert.That(ProblemsOf(text)[0], Does.StartWith("f.toml, line 8: --group-size 2"));
        Assert.That(ProblemsOf(text), Has.None.Contains("krum"));
    }

    [Test]
    public void RefusedIsOneOfTwo() => Assert.That(ProblemsOf("refused = \"skip\"").Single(), Does.StartWith("f.toml, line 1: refused: expected \"error\" or \"leave-out\", found \"skip\""));

    [Test]
    public void WhereNobodyIsByzantineAllAttacksAreOneCell()
    {
        IReadOnlyList<SweepCell> cells = Cells($"byzantine = [0, 1]\n{Grid}");
        Assert.That(cells.Where(cell => cell.Method == "voted").Select(cell => string.Join(' ', cell.Values)), Is.EqualTo((string[])
            ["0 none 3", "0 none 1", "1 reverse 3", "1 reverse 1", "1 alie(z=1) 3", "1 alie(z=1) 1"]));
        Assert.That(cells.Where(cell => cell.Options.Byzantine == 0).Select(cell => cell.Options.Attack), Is.All.EqualTo("none"));
    }

    [Test]
    public void UnderPerStepNoMethodHasABatchOfItsOwn()
        => Assert.That(ProblemsOf("samples = \"per-step\"\n[methods.a]\nbatch = 3").Single(), Does.StartWith("f.toml, line 3: batch: with samples = \"per-step\""));

    private static IReadOnlyList<SweepCell> Cells(string text) => SweepPlan.Cells(SweepFile.Parse(text, "f.toml"), new DataShelf(), "there");

    private static string Folder(SweepGrid grid, string data = "digits 1", string program = "1.0") => SweepCell.Of(grid, grid.Points().Single(), data, "there", program).Folder;

    private static string[] ProblemsOf(string text)
    {
        DetoxException error = Assert.Throws<DetoxException>(() => Cells(text))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.Usage));
        return [.. error.Message.Split('\n').Select(line => line.Trim())];
    }
}
