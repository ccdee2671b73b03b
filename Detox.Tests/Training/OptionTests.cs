using Detox.Mpi;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

public sealed class OptionTests
{
    private static readonly object[] _problems =
    [
        new object[] { new TrainOptions { Ranks = 44 }, "--group-size 3: 44 ranks" },
        new object[] { new TrainOptions { GroupSize = 2, Ranks = 44 }, "--group-size 2: a vote needs an odd number" },
        new object[] { new TrainOptions { Byzantine = 46 }, "--byzantine 46" },
        new object[] { new TrainOptions { Buckets = 16 }, "--buckets 16" },
        new object[] { new TrainOptions { Across = "bulyan", Byzantine = 8 }, "19" },
        new object[] { new TrainOptions { Across = "krum", Buckets = 15, Byzantine = 14 }, "17" },
        new object[] { new TrainOptions { Across = "average" }, "--across: " },
        new object[] { new TrainOptions { Attack = "alie(y=2)" }, "'y'" },
        new object[] { new TrainOptions { Attack = "flip" }, "bit-flip" },
        new object[] { new TrainOptions { Placement = "near" }, "worst" },
        new object[] { new TrainOptions { Model = "resnet" }, "lenet" },
        new object[] { new TrainOptions { Batch = 0 }, "--batch 0" },
        new object[] { new TrainOptions { Momentum = 1 }, "--momentum 1" },
        new object[] { new TrainOptions { LearningRate = float.NaN }, "--learning-rate" },
        new object[] { new TrainOptions { Name = "a/b" }, "--name a/b" },
        new object[] { new TrainOptions { Schedule = "linear" }, "--schedule: there is no schedule 'linear'; there are constant, step, cosine" },
        new object[] { new TrainOptions { Schedule = "step" }, "--schedule: step needs every=N" },
        new object[] { new TrainOptions { Schedule = "step(every=1.5)" }, "every is a whole number from 1, found '1.5'" },
        new object[] { new TrainOptions { Schedule = "step(every=9,factor=2)" }, "factor is above 0 and at most 1, found '2'" },
        new object[] { new TrainOptions { Schedule = "cosine(every=9)" }, "'every'" },
        new object[] { new TrainOptions { WarmUp = -1 }, "--warm-up -1" },
        new object[] { new TrainOptions { WarmUp = 200 }, "--warm-up 200: fewer than the 200 steps" },
        new object[] { new TrainOptions { Device = "tpu" }, "--device tpu" },
    ];

    [Test]
    public void TheDefaultsCanBeRun()
    {
        TrainOptions options = Resolve(new TrainOptions());
        Assert.That(options.Validate(), Is.Empty);
        Assert.That((options.Ranks, options.Byzantine, options.Buckets, options.MostCapturedGroups), Is.EqualTo((45, 5, 15, 2)));
    }

    [TestCaseSource(nameof(_problems))]
    public void AProblemIsNamed(TrainOptions options, string expected)
        => Assert.That(string.Join('\n', Resolve(options).Validate()), Does.Contain(expected));

    [Test]
    public void AllProblemsAreNamedAtOnce()
        => Assert.That(Resolve(new TrainOptions { Ranks = 44, Byzantine = 99, Batch = -1 }).Validate(), Has.Count.EqualTo(3));

    [Test]
    public void WrittenSettingsReadBackTheSame()
    {
        TrainOptions options = Resolve(new TrainOptions { Across = "multi-krum(f=2,select=5)", Name = "a\"b\\c", LearningRate = 1e-7f, Seed = ulong.MaxValue, Schedule = "step(every=20,factor=0.5)", Augment = Detox.Mpi.Data.Augment.Cifar, WeightDecayOn = WeightDecayOn.Weights });
        Assert.That(ConfigFile.Apply(new TrainOptions(), File(ConfigFile.Write(options))), Is.EqualTo(options));
    }

    [TestCase("group-siez = 3", "line 1", "group-siez")]
    [TestCase("ranks = 9\nbatch = \"many\"", "line 2", "a whole number")]
    [TestCase("ranks = = 9", "line 1", "")]
    [TestCase("[train]\nranks = 9", "line 1", "table")]
    public void ABadFileIsAnErrorThatNamesTheLine(string text, string line, string what)
    {
        string path = File(text);
        DetoxException error = Assert.Throws<DetoxException>(() => ConfigFile.Apply(new TrainOptions(), path))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.Usage));
        Assert.That(error.Message, Does.Contain(path).And.Contain(line).And.Contain(what));
    }

    private static TrainOptions Resolve(TrainOptions options) => options.Resolve(launchedRanks: null, cores: 2, localRanks: 1);

    private static string File(string text)
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Guid.NewGuid():N}.toml");
        System.IO.File.WriteAllText(path, text);
        return path;
    }
}
