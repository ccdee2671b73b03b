using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Digests;
using Detox.Mpi;
using Detox.Mpi.Commands;
using Detox.Mpi.Data;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using Detox.Tests.Kernels;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>How often a step waits for a GPU, and what it copies. A worker waits for its ballot, and for its vector where that is wanted; rank 0 for the ballots of the
/// vectors that are there, for the distances where a rule chooses by them, and for the weights.</summary>
[NonParallelizable]
public sealed class DeviceWorkTests
{
    private const int Ranks = 3;

    private readonly IlgpuDevice[] _devices = new IlgpuDevice[Ranks];

    [OneTimeSetUp]
    public void Open()
    {
        OpenCl.Require(IlgpuKind.OpenCl);
        for (int rank = 0; rank < Ranks; rank++) _devices[rank] = IlgpuDevice.Open(IlgpuKind.OpenCl, count => 0);
    }

    [OneTimeTearDown]
    public void Close()
    {
        foreach (IlgpuDevice device in _devices) device?.Dispose();
    }

    [TestCase(BallotKind.Blake3)]
    [TestCase(BallotKind.Sha256)]
    [TestCase(BallotKind.Xxh128)]
    public void AWorkerWaitsForItsBallotAndForAVectorThatIsWanted(BallotKind ballot)
    {
        const int batch = 4, side = 28;
        using WorkerCase worker = new(_devices[0], ballot, "lenet", batch, new ImageShape(side, side, 1));
        worker.Vote();
        DeviceWork vote = Work(worker.Vote), fetch = Work(worker.FetchVector), again = Work(worker.FetchVector);
        Assert.That((vote.Waits, fetch.Waits, again.Waits), Is.EqualTo((1L, 1L, 0L)), "ballot, vector, the same vector again");

        // Weights, images and labels go there; a digest and a flag a leaf, the loss, and what XXH128 leaves to the host come back.
        const int parameters = 431_080, payload = parameters + 1, leaves = (payload + 1023) / 1024;
        int whole = ballot == BallotKind.Xxh128 ? leaves - 1 : leaves, rest = ballot == BallotKind.Xxh128 ? payload % 1024 : 0;
        int there = (4 * parameters) + (batch * ((side * side * sizeof(float)) + sizeof(int))) + sizeof(long), back = (whole * (BallotTree.DigestBytes(ballot) + sizeof(int))) + (4 * rest) + 4;
        Assert.That(vote.BytesCopied, Is.EqualTo(there + back));
        Assert.That(fetch.BytesCopied, Is.EqualTo(4 * payload).Within(Head.Bytes), "the vector, once");
        Assert.That(again.BytesCopied, Is.Zero);
    }

    /// <summary>A part of ranks that share a process: weights and payload are longer than what the host stages at a time.</summary>
    [Test]
    public void APartOfRanksThatShareAProcessIsWaitedForOnce()
    {
        using CpuDevice host = new(1);
        using GradientCase onHost = new(host, "mlp", batch: 2, new ImageShape(28, 28, 1)), source = new(_devices[0], "mlp", batch: 2, new ImageShape(28, 28, 1));
        using DeviceGradient gradient = new(source, _devices[0], source.Network);
        float[] values = new float[source.Network.StateLength];
        source.Network.Initialise(2, values);
        using DeviceBuffer weights = host.Upload(values), payload = host.Allocate(source.Network.PayloadLength), expected = host.Allocate(source.Network.PayloadLength);
        onHost.Compute(0, 0, 0, attack: null, weights.All, expected.All);
        Assert.That(Work(() => gradient.Compute(0, 0, 0, attack: null, weights.All, payload.All)).Waits, Is.EqualTo(1));
        Comparisons.BitEqual(host.Download(expected), host.Download(payload), "the payload");
    }

    /// <summary>Vectors that are all there: their ballots, the weights with the loss, and in between only distances or norms, and signs, on which the host chooses.</summary>
    [TestCase("mean", 1, 2)]
    [TestCase("median", 1, 2)]
    [TestCase("sign-majority", 1, 2)]
    [TestCase("trimmed-mean", 1, 2)]
    [TestCase("meamed", 1, 2)]
    [TestCase("phocas", 1, 2)]
    [TestCase("huber", 1, 3)]
    [TestCase("centered-clipping", 1, 3)]
    [TestCase("mda", 1, 3)]
    [TestCase("monna", 1, 3)]
    [TestCase("cge", 1, 3)]
    [TestCase("caf", 1, 3)]
    [TestCase("smea", 1, 3)]
    [TestCase("dnc", 1, 3)]
    [TestCase("signguard", 1, 4)]
    [TestCase("krum", 1, 3)]
    [TestCase("multi-krum", 1, 3)]
    [TestCase("bulyan", 1, 3)]
    [TestCase("geometric-median", 1, 3)]
    [TestCase("median", 5, 2)]
    [TestCase("multi-krum", 5, 6)]
    public void RankZeroWaitsForBallotsDistancesAndWeights(string rule, int bucketsOf, int waits)
    {
        // In buckets of five multi-krum chooses in each of three, and the geometric median among the three.
        const int n = 15;
        TrainOptions options = new() { Ranks = 3 * n, Model = "softmax", Byzantine = bucketsOf > 1 ? 2 : 6, Buckets = n / bucketsOf };
        options = bucketsOf > 1 ? options with { Within = rule, Across = rule == "median" ? rule : "geometric-median" } : options with { Across = rule };
        options = options.Resolve(launchedRanks: null, cores: 1);
        Assert.That(options.Validate(), Is.Empty);
        using ServerCase server = new(_devices[0], options, new ImageShape(28, 28, 1));
        server.Run();
        Assert.That(Work(server.Run).Waits, Is.EqualTo(waits));
    }

    /// <summary>One of a group of the worker's own, one of the other ranks', and both are there when the step begins.</summary>
    [Test]
    public void VectorsThatAreThereAreHashedTogether()
    {
        DeviceWork before = default, work = default;
        ScriptedRound.Run(
            rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right),
            rank => rank.Vote(ScriptedRound.RightBallot),
            rank => rank.Vote(ScriptedRound.RightBallot),
            round =>
            {
                work = _devices[0].Work - before;
                Assert.That(round.Round.Groups.Select(group => group.State), Is.All.EqualTo(GroupState.Verified));
            },
            prepare: _ => before = _devices[0].Work,
            device: _devices[0]);
        Assert.That(work.Waits, Is.EqualTo(1));
        Assert.That(work.Launches, Is.EqualTo(2), "the chunks of both, then their leaves");
    }

    [Test]
    public void EveryRuleIsCounted()
    {
        string[] counted = [.. typeof(DeviceWorkTests).GetMethod(nameof(RankZeroWaitsForBallotsDistancesAndWeights))!.GetCustomAttributes(typeof(TestCaseAttribute), false)
            .Select(row => (string)((TestCaseAttribute)row).Arguments[0]!).Distinct()];
        Assert.That(counted, Is.EquivalentTo(AggregationRule.Names));
    }

    /// <summary>Every rank has a device of its own; rank 0's is worker and server.</summary>
    [TestCase("one winner", 3, "median", "none", new[] { 0, 0, 0 }, 2, 4)]
    [TestCase("one winner, attacked", 3, "median", "reverse", new[] { 0, 0, 0 }, 2, 4)]
    [TestCase("colluders", 3, "median", "alie", new[] { 0, 0, 0 }, 2, 4)]
    [TestCase("weights that others carried are hashed", 3, "median", "none", new[] { 0, 1, 2 }, 3, 4)]
    [TestCase("three winners, one by one", 1, "median", "none", new[] { 0, 0, 0 }, 2, 6)]
    [TestCase("three winners, and their distances", 1, "krum(f=0)", "none", new[] { 0, 0, 0 }, 2, 7)]
    public void TrainingWaitsSoOftenAStep(string what, int groupSize, string across, string attack, int[] nodes, int mostOfAWorker, int mostOfRankZero)
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        TrainOptions options = TrainInProcess.Small with { Ranks = Ranks, GroupSize = groupSize, Across = across, Attack = attack, Byzantine = attack == "none" ? 0 : 1, Steps = 6, Patience = 300, CheckpointEvery = default, Out = folder, Name = "run" };
        options = options.Resolve(launchedRanks: null, cores: 1);
        Assert.That(options.Validate(), Is.Empty);
        long[] waits = new long[Ranks];
        InProcessWorld.Run(
            Ranks,
            world =>
            {
                IlgpuDevice device = _devices[world.Rank];
                DeviceWork before = device.Work;
                Assert.That(TrainRun.Execute(world, options, shared: null, new RunContext(Device: device)), Is.EqualTo(ExitCode.Done));
                waits[world.Rank] = (device.Work - before).Waits;
            },
            nodes);

        // The first weights are one more, and each batch that is evaluated at the end.
        waits[0] -= 1 + ((DataSource.Open(options.Data, options.Seed).Test.Count + options.Batch - 1) / options.Batch);
        TestContext.Out.WriteLine($"{what}: {string.Join(", ", waits)} waits in {options.Steps} steps");
        for (int rank = 0; rank < Ranks; rank++)
            Assert.That(waits[rank], Is.InRange(options.Steps, options.Steps * (rank == 0 ? mostOfRankZero : mostOfAWorker)), $"{what}: rank {rank}");
    }

    private DeviceWork Work(Action run)
    {
        DeviceWork before = _devices[0].Work;
        run();
        return _devices[0].Work - before;
    }
}
