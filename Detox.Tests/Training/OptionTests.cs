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
        new object[] { new TrainOptions { Attack = "alie(z=NaN)" }, "--attack: 'NaN' is no z of alie: expected a finite number, or max." },
        new object[] { new TrainOptions { Attack = "ipm(tau=max)" }, "--attack: 'max' is no tau of ipm: expected a finite number." },
        new object[] { new TrainOptions { Attack = "mimic(row=15)" }, "--attack mimic(row=15): it takes at least 16 honest gradients, and there are 15 groups." },
        new object[] { new TrainOptions { Attack = "alie(z=1e39)" }, "'1e39' is no z of alie" },
        new object[] { new TrainOptions { Attack = "alie(z=1,)" }, "--attack: '' in 'alie(z=1,)' is not parameter=value." },
        new object[] { new TrainOptions { Attack = "flip" }, "--attack: there is no attack 'flip'; there are none, reverse, constant, gaussian, bit-flip, nan, inf" },
        new object[] { new TrainOptions { Placement = "near" }, "--placement: there is no placement 'near'; there are random, fixed, worst." },
        new object[] { new TrainOptions { Placement = "fixed(rank=1)" }, "--placement: fixed has no parameter 'rank'; it has none." },
        new object[] { new TrainOptions { Model = "resnet" }, "--model: there is no model 'resnet'; there are lenet" },
        new object[] { new TrainOptions { Batch = 0 }, "--batch 0" },
        new object[] { new TrainOptions { Momentum = 1 }, "--momentum 1" },
        new object[] { new TrainOptions { LearningRate = float.NaN }, "--learning-rate" },
        new object[] { new TrainOptions { Name = "a/b" }, "--name a/b" },
        new object[] { new TrainOptions { Schedule = "linear" }, "--schedule: there is no schedule 'linear'; there are constant, step, cosine" },
        new object[] { new TrainOptions { Schedule = "step" }, "--schedule: step needs every=N" },
        new object[] { new TrainOptions { Schedule = "step(every=1.5)" }, "--schedule: '1.5' is no every of step: expected a whole number of at least 1." },
        new object[] { new TrainOptions { Schedule = "step(every=9,factor=2)" }, "--schedule: '2' is no factor of step: expected a finite number above 0, at most 1." },
        new object[] { new TrainOptions { Schedule = "cosine(every=9)" }, "--schedule: cosine has no parameter 'every'; it has none." },
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
    public void NamesThatDoNotExistAreProblemsBesideTheOthers()
        => Assert.That(Resolve(new TrainOptions { Batch = 0, Model = "x", Attack = "x", Schedule = "x" }).Validate(), Has.Count.EqualTo(4));

    [Test]
    public void WrittenSettingsReadBackTheSame()
    {
        TrainOptions options = Resolve(new TrainOptions { Across = "multi-krum(f=2,select=5)", Name = "a\"b\\c", LearningRate = 1e-7f, Seed = ulong.MaxValue, Schedule = "step(every=20,factor=0.5)", Augment = Detox.Mpi.Data.Augment.Cifar, WeightDecayOn = WeightDecayOn.Weights });
        Assert.That(ConfigFile.Apply(new TrainOptions(), File(ConfigFile.Write(options))), Is.EqualTo(options));
    }

    // Characters, and texts that a parser takes for numbers though TOML does not.
    [TestCase("a \" b \\ c ' d")]
    [TestCase("tab\t, line\n, return\r, both\r\n")]
    [TestCase("\0\u0001\b\f\u001b\u001f\u007f\u0085\u009f")]
    [TestCase("\u2028 \u2029 \ufeff gr\u00fc\u00df \ud83d\ude00")]
    [TestCase("a # b")]
    [TestCase("\\u0041 \\n \"\"\"")]
    [TestCase(" leading and trailing ")]
    [TestCase("")]
    [TestCase("true")]
    [TestCase("inf")]
    [TestCase("007")]
    [TestCase("-0")]
    [TestCase("1,000")]
    [TestCase("5.")]
    [TestCase(".5")]
    [TestCase("+5")]
    [TestCase("1e5")]
    [TestCase("1E-07")]
    [TestCase("1e999")]
    [TestCase("99999999999999999999")]
    [TestCase("12\n")]
    [TestCase("2024-01-01")]
    [TestCase("[1]")]
    public void AnAwkwardTextReadsBackTheSame(string text)
    {
        TrainOptions options = Resolve(new TrainOptions { Out = text, Device = text, Name = text });
        string written = ConfigFile.Write(options);
        Assert.That(written.Split('\n'), Has.Length.EqualTo(TrainOption.All.Count + 1), "one line for each option");
        Assert.That(ConfigFile.Apply(new TrainOptions(), File(written)), Is.EqualTo(options));
    }

    [Test]
    public void ACommentIsNoPartOfAValue()
    {
        const string text = """"
            # nine ranks
            ranks = 9 # nine
            learning-rate = 1e-2#small
            model = "mlp" # not "lenet"
            out = 'a#b' # literal
            name = true # a word
            device = """
            cpu""" # of several lines
            """";
        TrainOptions expected = new() { Ranks = 9, LearningRate = 0.01f, Model = "mlp", Out = "a#b", Name = "true", Device = "cpu" };
        Assert.That(ConfigFile.Apply(new TrainOptions(), File(text)), Is.EqualTo(expected));
    }

    [TestCase("group-siez = 3", "line 1", "group-siez")]
    [TestCase("ranks = 9\nbatch = \"many\"", "line 2", "a whole number")]
    [TestCase("ranks = = 9", "line 1", "")]
    [TestCase("ranks = 9\nranks = 9", "line 2", "already defined")]
    [TestCase("ranks = 9\ndevice = [\"cpu\"]", "line 2, device", "expected one value, found a list")]
    [TestCase("device = { cpu = 1 }", "line 1, device", "expected one value, found a list or a table")]
    [TestCase("[train]\nranks = 9", "line 1", "table")]
    public void ABadFileIsAnErrorThatNamesTheLine(string text, string line, string what)
    {
        string path = File(text);
        DetoxException error = Assert.Throws<DetoxException>(() => ConfigFile.Apply(new TrainOptions(), path))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.Usage));
        Assert.That(error.Message, Does.Contain(path).And.Contain(line).And.Contain(what));
    }

    private static TrainOptions Resolve(TrainOptions options) => options.Resolve(launchedRanks: null, cores: 2);

    private static string File(string text)
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Guid.NewGuid():N}.toml");
        System.IO.File.WriteAllText(path, text);
        return path;
    }
}
