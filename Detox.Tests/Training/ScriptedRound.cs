using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>One step at rank 0 among two groups of three: one, with rank 0 in it, votes and sends as it should, the other says what a test lets it say.</summary>
internal sealed class ScriptedRound : IDisposable
{
    /// <summary>Two whole leaves, and a part of one.</summary>
    public const int Floats = 2500;

    public const long Step = 7;

    /// <summary>Seconds; a step in which nobody is silent takes a thousandth of it.</summary>
    public const float Patience = 3;

    private const int Size = 3, Ranks = 2 * Size;

    private readonly CpuDevice _cpu = new(1);
    private readonly Communicator _world;
    private readonly ModelWeights _weights;
    private readonly WeightsSlots _weightsSlots;
    private readonly Worker _worker;
    private readonly VectorSlots _slots;

    private ScriptedRound(Communicator world, ScriptedSetting setting)
    {
        _world = world;
        Device device = setting.Device ?? _cpu;
        TrainOptions options = setting.Options ?? Options();
        _weights = new ModelWeights(device, Floats);
        _weightsSlots = new WeightsSlots(world, Floats, writes: true);
        WeightsTaker taker = new(world, _weights, _weightsSlots, device, []);
        int own = Groups.GroupOf(0);
        _worker = new Worker(
            world, Groups.Members(own), own, device, new OwnPayloads(new GivenGradient(setting.OwnVector)), _weights, taker, Floats, BallotKind.Blake3, Attack.Parse("none"), threads: 1);
        _slots = new VectorSlots(device, SlotCount, Floats);
        StepPatience patience = new(options.Patience);
        patience.Add(setting.StepSeconds);
        string[] hosts = [.. Enumerable.Range(0, Ranks).Select(rank => $"host{rank}")];
        Round = new Round(world, _worker, Groups, options, new BallotTree(device, BallotKind.Blake3, Floats, Groups.GroupCount), _slots, patience, hosts, Record);
        Round.LetProceed = rank => LetProceed.Add(rank.Rank);
        Round.Hurry = rank =>
        {
            Hurried.Add(rank.Rank);
            rank.Call();
            rank.TrySay(new Instruction { Head = new Head { Step = Step, Kind = MessageKind.Proceed } });
        };
        Round.WeightsWanted = (rank, flags) => WeightsWanted.Add((rank.Rank, flags));
        Record.Clear(Step);
        setting.Prepare?.Invoke(this);
    }

    /// <summary>As many as a run of this shape has.</summary>
    public static int SlotCount => (Ranks / Size) + Ranks;

    public static GroupTable Groups { get; } = GroupTable.Create(Ranks, Size, seed: 1);

    /// <summary>The group without rank 0.</summary>
    public static int Group { get; } = 1 - Groups.GroupOf(0);

    /// <summary>Its ranks.</summary>
    public static int[] Members { get; } = Groups.Members(Group).ToArray();

    /// <summary>The vector of all honest ranks, and its ballot.</summary>
    public static float[] Right { get; } = [.. Enumerable.Range(0, Floats).Select(i => (float)Math.Sqrt(i))];

    public static Ballot RightBallot { get; } = BallotOf(Right);

    public Round Round { get; }

    public StepRecord Record { get; } = new();

    public GroupRound State => Round.Groups[Group];

    /// <summary>What is known of a scripted rank.</summary>
    public Conversation this[int member] => Round.Ranks[Members[member]];

    /// <summary>The ranks that were offered this step late.</summary>
    public List<int> LetProceed { get; } = [];

    public List<int> Hurried { get; } = [];

    public List<(int Rank, HeadFlags Flags)> WeightsWanted { get; } = [];

    /// <summary>Vectors that could still be received.</summary>
    public int FreeSlots
    {
        get
        {
            List<VectorSlot> taken = [];
            while (_slots.TryTake() is { } slot) taken.Add(slot);
            taken.ForEach(_slots.GiveBack);
            return taken.Count;
        }
    }

    /// <summary>A slot of rank 0's, which whoever takes it holds.</summary>
    public VectorSlot TakeSlot() => _slots.TryTake()!;

    public void GiveBack(VectorSlot slot) => _slots.GiveBack(slot);

    /// <summary>Seconds in which what is asked for surely comes.</summary>
    public const int LongWait = 5;

    /// <summary>Runs one step. Each script is run as one rank of the scripted group; what it sends before it first listens is there when the step begins.</summary>
    /// <param name="prepare">Rank 0, before the step: who is absent, or owes what.</param>
    /// <param name="device">Rank 0's; null: a CPU.</param>
    public static void Run(
        Action<ScriptedRank> first, Action<ScriptedRank> second, Action<ScriptedRank> third, Action<ScriptedRound> check, Action<ScriptedRound>? prepare = null,
        TrainOptions? options = null, Device? device = null)
        => Run(first, second, third, check, new ScriptedSetting { Prepare = prepare, Options = options, Device = device });

    /// <summary>The same where more is not as usual.</summary>
    public static void Run(Action<ScriptedRank> first, Action<ScriptedRank> second, Action<ScriptedRank> third, Action<ScriptedRound> check, ScriptedSetting setting)
    {
        Action<ScriptedRank>[] scripts = [first, second, third];
        Task ranks = Task.Run(() => InProcessWorld.Run(Ranks, world =>
        {
            int scripted = Array.IndexOf(Members, world.Rank), honest = Groups.Members(1 - Group).IndexOf(world.Rank);
            ScriptedRank own = new(world);
            if (world.Rank == 0)
            {
                using ScriptedRound round = new(setting.Decorate(world), setting);
                foreach (Conversation rank in round.Round.Ranks)
                    if (!rank.OwesBallotOf(Step) && !rank.Owes) rank.Owe(Step);
                if (setting.OwnVector is null) own.Vote(RightBallot);
                else round.VoteByWorker();
                own.HasSpoken();
                round.Round.Run(Step);
                own.HasEnded();
                check(round);
                return;
            }

            using (new WeightsSlots(world, Floats, writes: false))
            {
                if (scripted >= 0) scripts[scripted](own);
                else if (honest == 1) setting.Sender(own);
                else setting.Voter(own);
                own.HasEnded();
            }
        }));
        if (Task.WaitAny([ranks], TimeSpan.FromSeconds(2 * LongWait)) < 0) Assert.Fail($"after {2 * LongWait} s the step goes on");
        ranks.GetAwaiter().GetResult();
    }

    /// <summary>Runs the step behind the first one, in which rank 0 votes as it should, and every other rank has a script for <see cref="ScriptedRank.InNext"/>.</summary>
    public void RunNext()
    {
        Record.Clear(Step + 1);
        foreach (Conversation rank in Round.Ranks) rank.Owe(Step + 1);
        new ScriptedRank(_world).Vote(RightBallot, step: Step + 1);
        _world.Barrier();
        Round.Run(Step + 1);
    }

    /// <summary>Rank 0's worker takes part in the step as it does in a run.</summary>
    private void VoteByWorker()
    {
        _weightsSlots.Write(Step, _weights.Bytes);
        Round.Ranks[0].TrySay(new Instruction
        {
            Head = new Head { Step = Step, Kind = MessageKind.Proceed },
            Xxh128 = ModelWeights.Xxh128(_weights.Bytes),
            PatienceSeconds = LongWait,
        });
        _worker.TakeUp();
        _worker.ComputeGradient(attacker: null);
        _worker.Vote();
    }

    public static TrainOptions Options(float patience = Patience) => new() { Ranks = Ranks, GroupSize = Size, Byzantine = 1, Patience = patience };

    public static Ballot BallotOf(float[] vector)
    {
        using CpuDevice device = new(1);
        using DeviceBuffer buffer = device.Allocate(vector.Length);
        device.Write(vector, buffer.All);
        return new BallotTree(device, BallotKind.Blake3, vector.Length).Compute(buffer.All);
    }

    /// <summary>The digests of the vector's leaves.</summary>
    public static byte[] LeavesOf(float[] vector)
    {
        using CpuDevice device = new(1);
        using DeviceBuffer buffer = device.Allocate(vector.Length);
        device.Write(vector, buffer.All);
        BallotTree tree = new(device, BallotKind.Blake3, vector.Length);
        tree.Compute(buffer.All);
        return tree.LeavesOf(0).ToArray();
    }

    /// <summary>The right vector but for some places.</summary>
    public static float[] Wrong(params (int Index, float Value)[] changes)
    {
        float[] wrong = [.. Right];
        foreach ((int index, float value) in changes) wrong[index] = value;
        return wrong;
    }

    public void Dispose()
    {
        _worker.Dispose();
        _weightsSlots.Dispose();
        _weights.Dispose();
        _slots.Dispose();
        _cpu.Dispose();
    }

    private sealed class GivenGradient(float[]? vector) : IGradientSource
    {
        public void Compute(long step, int group, int attempt, SampleAttack? attack, View weights, View payload) => vector.AsSpan().CopyTo(CpuDevice.Floats(payload));
    }
}

/// <summary>What is not as usual in a step at rank 0.</summary>
internal sealed record ScriptedSetting
{
    /// <summary>Seconds that its steps took so far: twice as long it waits for one answer, where its patience is long.</summary>
    public double StepSeconds { get; init; } = 0.01;

    public TrainOptions? Options { get; init; }

    /// <summary>Rank 0's; null: a CPU.</summary>
    public Device? Device { get; init; }

    /// <summary>Rank 0, before the step: who is absent, or owes what.</summary>
    public Action<ScriptedRound>? Prepare { get; init; }

    /// <summary>What rank 0's own worker computes and votes for; null where it takes no part, and rank 0 votes as it should.</summary>
    public float[]? OwnVector { get; init; }

    /// <summary>The two others of rank 0's group.</summary>
    public Action<ScriptedRank> Sender { get; init; } = rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right);

    public Action<ScriptedRank> Voter { get; init; } = rank => rank.Vote(ScriptedRound.RightBallot);

    /// <summary>What becomes of rank 0's communicator.</summary>
    public Func<Communicator, Communicator> Decorate { get; init; } = world => world;

    /// <summary>An answer is waited for longer than a test lasts.</summary>
    public static ScriptedSetting LongAnswers { get; } = new() { StepSeconds = 10, Options = ScriptedRound.Options(patience: 80) };
}

/// <summary>A rank that says to rank 0 what a test wants it to say.</summary>
internal sealed class ScriptedRank(Communicator world)
{
    private bool _hasSpoken;
    private bool _hasEnded;

    public int Rank => world.Rank;

    public void Vote(Ballot ballot, HeadFlags flags = HeadFlags.None, long step = ScriptedRound.Step, float computeSeconds = 0, float attackSeconds = 0) => Send(new Head
    {
        Step = step,
        Kind = MessageKind.Ballot,
        Ballot = ballot,
        Flags = flags,
        ComputeSeconds = computeSeconds,
        AttackSeconds = attackSeconds,
    });

    /// <summary>A ballot, and at once the vector.</summary>
    public void VoteAndSend(Ballot ballot, float[] vector, long step = ScriptedRound.Step)
    {
        Vote(ballot, HeadFlags.VectorFollows, step);
        SendVector(vector, step);
    }

    /// <returns>The message as it lies in the sender's memory.</returns>
    public byte[] SendVector(float[] vector, long step = ScriptedRound.Step) => Send(MessageKind.Vector, MemoryMarshal.AsBytes(vector.AsSpan()), step);

    /// <summary>Sends a vector from where rank 0 reads it.</summary>
    /// <param name="digest">What this process has made of it.</param>
    public void SendFrom(VectorSlot slot, float[] vector, Ballot digest)
    {
        MemoryMarshal.Write(MemoryMarshal.AsBytes(slot.Message.Span), new Head { Step = ScriptedRound.Step, Kind = MessageKind.Vector, Length = vector.Length * sizeof(float) });
        vector.CopyTo(slot.Message[Head.Floats..]);
        slot.Digest = new PayloadDigest(digest, ScriptedRound.LeavesOf(vector));
        world.ImmediateSend<float>(slot.Message, 0, Tag.ToServer);
    }

    /// <summary>A head and what follows it.</summary>
    public byte[] Send(MessageKind kind, ReadOnlySpan<byte> body, long step = ScriptedRound.Step)
    {
        byte[] message = new byte[Head.Bytes + body.Length];
        MemoryMarshal.Write(message, new Head { Step = step, Kind = kind, Length = body.Length });
        body.CopyTo(message.AsSpan(Head.Bytes));
        Send(message);
        return message;
    }

    public void Send(Head head) => Send(MemoryMarshal.AsBytes(new ReadOnlySpan<Head>(in head)).ToArray());

    public void Send(byte[] message) => world.ImmediateSend<byte>(message, 0, Tag.ToServer);

    /// <summary>Waits for a question of rank 0's, which must be this one.</summary>
    public void Hear(MessageKind kind, int number = 0, long step = ScriptedRound.Step)
    {
        HasSpoken();
        if (!world.Await(() => world.Probe(0, Tag.FromServer, out _, out _), TimeSpan.FromSeconds(ScriptedRound.LongWait))) Assert.Fail($"rank {Rank} is not asked: {kind}");
        Instruction[] heard = new Instruction[1];
        world.Receive(heard.AsSpan(), 0, Tag.FromServer);
        Assert.That((heard[0].Head.Kind, heard[0].Head.Step, heard[0].Head.Number), Is.EqualTo((kind, step, number)));
    }

    /// <summary>Answers what rank 0 asks of a dissenter as a rank does that has this vector.</summary>
    public void ShowLeaves(float[] vector, int? leaf, long step = ScriptedRound.Step)
    {
        Hear(MessageKind.SendLeaves, step: step);
        Send(MessageKind.Leaves, ScriptedRound.LeavesOf(vector), step);
        if (leaf is not { } number) return;
        Hear(MessageKind.SendLeaf, number, step);
        int start = number * BallotTree.LeafFloats;
        Send(MessageKind.Leaf, MemoryMarshal.AsBytes(vector.AsSpan(start, Math.Min(BallotTree.LeafFloats, vector.Length - start))), step);
    }

    /// <summary>The step begins when every rank has said what it says unasked.</summary>
    public void HasSpoken()
    {
        if (!_hasSpoken) world.Barrier();
        _hasSpoken = true;
    }

    /// <summary>Once the step has ended: says what is there when the next one begins.</summary>
    public void InNext(Action<ScriptedRank> speak)
    {
        HasEnded();
        speak(this);
        world.Barrier();
    }

    /// <summary>The step has ended.</summary>
    public void HasEnded()
    {
        HasSpoken();
        if (!_hasEnded) world.Barrier();
        _hasEnded = true;
    }
}
