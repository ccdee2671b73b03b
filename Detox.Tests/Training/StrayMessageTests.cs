using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>Which messages a rank throws away: rank 0 has a node to itself, 1 and 2 share one that rank 1 leads, and so do 3 and 4.</summary>
public sealed class StrayMessageTests
{
    private static readonly int[] _nodes = [0, 1, 1, 2, 2];

    /// <summary>Rank 2 is of a group with rank 4.</summary>
    [TestCase(Tag.ToServer, 1, false)]
    [TestCase(Tag.FromServer, 0, true)]
    [TestCase(Tag.FromServer, 1, false)]
    [TestCase(Tag.Group, 4, true)]
    [TestCase(Tag.Group, 3, false)]
    [TestCase(Tag.Group, 0, false)]
    [TestCase(Tag.Weights, 0, true)]
    [TestCase(Tag.Weights, 1, true)]
    [TestCase(Tag.Weights, 3, true)]
    [TestCase(Tag.Weights, 4, false)]
    [TestCase(Tag.Honest, 1, false)]
    [TestCase(Tag.Forged, 1, false)]
    public void OnlyWhatWillBeTakenStays(int tag, int sender, bool stays) => Run(world =>
    {
        if (world.Rank == sender)
            for (int i = 0; i < 3; i++) world.ImmediateSend<int>(new int[7], 2, tag);
        world.Barrier();
        if (world.Rank != 2) return;
        new StrayMessages(world, [2, 4], hasColluders: false).Drop();
        int left = 0;
        for (; world.Probe(Communicator.AnyRank, tag, out _, out _); left++) world.Drop(sender, tag).Wait();
        Assert.That(left, Is.EqualTo(stays ? 3 : 0), "messages that are still there");
    });

    [TestCase(Tag.Honest)]
    [TestCase(Tag.Forged)]
    public void WhatColludersTellEachOtherStays(int tag) => Run(world =>
    {
        if (world.Rank == 1) world.ImmediateSend<int>(new int[7], 2, tag);
        world.Barrier();
        if (world.Rank != 2) return;
        new StrayMessages(world, [2, 4], hasColluders: true).Drop();
        Assert.That(world.Probe(1, tag, out _, out _), Is.True);
    });

    [Test]
    public void AFloodIsThrownAwayAPartAtATime() => Run(world =>
    {
        const int flood = 1500, atATime = 1024;
        for (int i = 0; i < flood && world.Rank == 3; i++) world.ImmediateSend<int>(new int[1], 2, Tag.Forged);
        world.Barrier();
        if (world.Rank != 2) return;
        new StrayMessages(world, [2, 4], hasColluders: false).Drop();
        int left = 0;
        for (; world.Probe(3, Tag.Forged, out _, out _); left++) world.Drop(3, Tag.Forged).Wait();
        Assert.That(left, Is.EqualTo(flood - atATime));
    });

    [Test]
    public void RankZeroKeepsWhatItIsTold() => Run(world =>
    {
        if (world.Rank == 3) world.ImmediateSend<int>(new int[7], 0, Tag.ToServer);
        world.Barrier();
        if (world.Rank != 0) return;
        new StrayMessages(world, [0, 1], hasColluders: false).Drop();
        Assert.That(world.Probe(3, Tag.ToServer, out _, out _), Is.True);
    });

    [Test]
    public void AtTheEndNothingIsLeftThatOtherRanksHaveSent() => Run(world =>
    {
        int[] tags = [Tag.Weights, Tag.Group, Tag.Honest, Tag.Forged];
        if (world.Rank != 2)
            foreach (int tag in tags)
                for (int i = 0; i < 2; i++) world.ImmediateSend<int>(new int[7], 2, tag);
        world.Barrier();
        if (world.Rank != 2) return;
        new StrayMessages(world, [2, 4], hasColluders: true).DropAll();
        foreach (int tag in tags) Assert.That(world.Probe(Communicator.AnyRank, tag, out _, out _), Is.False, $"tag {tag}");
    });

    private static void Run(Action<Communicator> body) => InProcessWorld.Run(_nodes.Length, body, _nodes);
}
