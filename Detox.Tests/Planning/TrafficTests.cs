using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Detox.Mpi.Messaging;
using Detox.Mpi.Planning;
using Detox.Mpi.Training;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Planning;

/// <summary>What plan says of rank 0's messages is what a run sends, and what its files report.</summary>
[TestFixture]
internal sealed class TrafficTests
{
    private const int Steps = 6;

    private static readonly TrainOptions _run = TrainInProcess.Small with { Steps = Steps, EvaluateEvery = 0 };

    [TestCase(1, 1)]
    [TestCase(1, 3)]
    [TestCase(1, 5)]
    [TestCase(3, 1)]
    [TestCase(3, 4)]
    [TestCase(9, 2)]
    public void MessagesOfARun(int groupSize, int nodes)
    {
        TrainOptions options = (_run with { GroupSize = groupSize, Out = NewFolder(), Name = "run" }).Resolve(launchedRanks: null, cores: 2);
        Scheme scheme = new(9, groupSize, "mean", "median", "", options.GroupCount);
        Workload workload = Workload.Of(options);
        Traffic traffic = Traffic.Of(scheme, workload, nodes);
        Counts counts = new();
        int[] nodeOf = [.. Enumerable.Range(0, 9).Select(rank => rank % nodes)];
        InProcessWorld.Run(9, world => TrainRun.Execute(new CountingCommunicator(world, counts), options, shared: null), nodeOf);

        // Who wins may differ, and two ranks may both think that it is they; the heads of vectors go with them.
        long vectors = counts.Number(MessageKind.Vector), vectorBytes = vectors * workload.PayloadBytes;
        long least = (scheme.Groups - 1) * Steps, most = 8 * Steps;
        Assert.That(vectors, groupSize == 1 ? Is.EqualTo(8 * Steps) : Is.InRange(least, most));
        Assert.That(traffic.Vectors * Steps, Is.InRange(least * workload.PayloadBytes, scheme.Groups * Steps * workload.PayloadBytes));
        if (groupSize == 1) Assert.That(traffic.Vectors, Is.EqualTo(8 * workload.PayloadBytes));

        // Apart from vectors, and the last words, everything is as foreseen, but for hints to ranks that do not listen yet, and questions.
        double otherIn = traffic.In - traffic.Vectors - ((scheme.Groups - (1.0 / groupSize)) * Head.Bytes);
        long lastWords = 8 * (Head.Bytes + Unsafe.SizeOf<RankTally>()), hints = (groupSize - 1) * Head.Bytes * Steps;
        Assert.That(counts.BytesIn - vectorBytes - (vectors * Head.Bytes) - lastWords, Is.InRange((otherIn * Steps) - hints - 1e-6, (otherIn * Steps) + 1e-6));

        // With the word that no step follows the last weights go out as those of a step do.
        long leaves = 8 * Instruction.Bytes, questions = counts.Number(MessageKind.SendVector) * Instruction.Bytes;
        Assert.That(counts.BytesOut - leaves - questions, Is.InRange((traffic.Out * (Steps + 1)) - (2 * hints), traffic.Out * (Steps + 1)));
        Assert.That(counts.Number(MessageKind.Ballot), Is.EqualTo(8 * Steps));
        Assert.That(counts.Number(MessageKind.Proceed), Is.EqualTo(8 * Steps));

        RunFiles files = new(Path.Combine(options.Out, "run"));
        Assert.That(files.Result.GetProperty("vector_bytes").GetInt64(), Is.EqualTo(vectorBytes));
    }

    private static string NewFolder() => Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));

    /// <summary>Messages between rank 0 and the others.</summary>
    private sealed class Counts
    {
        private readonly Dictionary<MessageKind, long> _numbers = [];

        public long BytesIn { get; private set; }

        public long BytesOut { get; private set; }

        public long Number(MessageKind kind) => _numbers.GetValueOrDefault(kind);

        public void Add(int sender, int destination, ReadOnlySpan<byte> message)
        {
            if (sender == destination || (sender != 0 && destination != 0)) return;
            lock (_numbers)
            {
                MessageKind kind = MemoryMarshal.Read<Head>(message).Kind;
                _numbers[kind] = Number(kind) + 1;
                if (sender == 0) BytesOut += message.Length;
                else BytesIn += message.Length;
            }
        }
    }

    private sealed class CountingCommunicator(Communicator inner, Counts counts) : ForwardingCommunicator(inner)
    {
        public override Request ImmediateSend<T>(ReadOnlyMemory<T> values, int destination, int tag, bool quietly = false)
        {
            counts.Add(Rank, destination, MemoryMarshal.AsBytes(values.Span));
            return base.ImmediateSend(values, destination, tag, quietly);
        }
    }
}
