using System.Diagnostics;
using System.Runtime.InteropServices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <content>Weights that go to other nodes in pieces: five, the last of which is shorter.</content>
public sealed partial class WeightsTests
{
    private const int Pieces = 5;

    private static readonly int[] _fourNodes = [0, 1, 2, 3];

    /// <summary>Rank 0 sends some pieces to rank 1, and the others only when rank 2 has the first ones.</summary>
    [Test]
    public void APieceIsPassedOnBeforeTheNextHasCome() => Run(
        _threeNodes,
        rank =>
        {
            if (rank.Number == 0)
            {
                for (int piece = 0; piece < 3; piece++) rank.Send(1, Piece(Step, piece));
                rank.World.Receive(new int[1].AsSpan(), 2, Tag.Honest);
                for (int piece = 3; piece < Pieces; piece++) rank.Send(1, Piece(Step, piece));
            }

            if (rank.Number == 1) rank.AssertTaken(PassingOn(0, 2), Step);
            if (rank.Number == 2)
            {
                for (int piece = 0; piece < Pieces; piece++)
                {
                    byte[] expected = Piece(Step, piece), found = new byte[expected.Length];
                    rank.World.Receive(found.AsSpan(), 1, Tag.Weights);
                    Assert.That(found, Is.EqualTo(expected), $"piece {piece}");
                    if (piece == 2) rank.World.Send<int>([1], 0, Tag.Honest);
                }
            }
        },
        leaves: 1);

    public static IEnumerable<TestCaseData> OtherPieces()
    {
        byte[] right = Piece(Step, 2), otherWeights = Piece(Step, 2, Weights(Step + 1)), otherDigests = [.. right], otherFloat = [.. right], otherPiece = [.. Piece(Step, 1)];
        otherDigests[Head.Bytes] ^= 1;
        otherFloat[^1] ^= 1;
        MemoryMarshal.Write(otherPiece, MemoryMarshal.Read<Head>(right));
        yield return new TestCaseData(otherWeights).SetArgDisplayNames("of other weights");
        yield return new TestCaseData(otherDigests).SetArgDisplayNames("another digest");
        yield return new TestCaseData(otherFloat).SetArgDisplayNames("a bit of a float");
        yield return new TestCaseData(otherPiece).SetArgDisplayNames("the piece before it");
    }

    /// <summary>Rank 1 sends two right pieces and then a wrong one to rank 2, which passes on to rank 3 what is right, each piece once.</summary>
    [TestCaseSource(nameof(OtherPieces))]
    public void AWrongPieceIsRefusedAndNotPassedOn(byte[] wrong) => Run(
        _fourNodes,
        rank =>
        {
            if (rank.Number == 0) AnswerWish(rank, 2, HeadFlags.None);
            if (rank.Number == 1)
            {
                rank.Send(2, Piece(Step, 0));
                rank.Send(2, Piece(Step, 1));
                rank.Send(2, wrong);
                rank.Send(2, Piece(Step, 3));
            }

            if (rank.Number == 2) rank.AssertTaken(PassingOn(1, 3), Step);
            if (rank.Number == 3) AssertComes(rank, 2);
        },
        leaves: 1);

    /// <summary>Rank 1 sends some pieces and no more, here and there between messages that are none of the step.</summary>
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(4)]
    public void WhatDoesNotComeIsSentByRankZero(int sent) => Run(
        _fourNodes,
        rank =>
        {
            if (rank.Number == 1)
            {
                rank.Send(2, Piece(Step - 2, 4));
                rank.Send(2, Piece(Step - 1, 0));
                for (int piece = 0; piece < sent; piece++) rank.Send(2, Piece(Step, piece));
                rank.Send(2, new byte[100_000]);
            }

            rank.World.Barrier();
            if (rank.Number == 0) AnswerWish(rank, 2, HeadFlags.NothingCame);
            if (rank.Number == 2) rank.AssertTaken(PassingOn(1, 3, Patience), Step);
            if (rank.Number == 3) AssertComes(rank, 2);
        },
        leaves: 1);

    /// <summary>What a carrier began to send and did not end comes into memory that is nobody's any more.</summary>
    [Test]
    public void APieceThatComesLaterDisturbsNoOtherWeights() => Run(
        _threeNodes,
        rank =>
        {
            for (long step = Step; step < Step + 6; step++)
            {
                if (rank.Number == 1)
                {
                    for (int piece = 0; piece < 3; piece++) rank.Send(2, Piece(step, piece, Weights(step + 1)));
                }

                rank.World.Barrier();
                if (rank.Number == 0) AnswerWish(rank, 2, HeadFlags.None, step);
                if (rank.Number == 2) rank.AssertTaken(Promise(1, LongPatience, step), step);
                rank.World.Barrier();
            }
        },
        leaves: 1);

    /// <summary>Rank 2 takes nothing that rank 1 passes on: that costs one step the patience, and later ones nothing.</summary>
    [Test]
    public void WhoTakesNothingIsWaitedForInOneStep() => Run(
        _fourNodes,
        rank =>
        {
            if (rank.Number == 0)
            {
                for (long step = Step; step < Step + 2; step++)
                    for (int piece = 0; piece < Pieces; piece++) rank.Send(1, Piece(step, piece));
            }

            if (rank.Number == 1)
            {
                long start = Stopwatch.GetTimestamp();
                rank.AssertTaken(PassingOn(0, 2, 5 * Patience), Step);
                Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.GreaterThan(4.5 * Patience), "the weights are seen off");
                Instruction next = Promise(0, LongPatience, Step + 1);
                next.AddChild(3);
                rank.AssertTaken(next, Step + 1);
                Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.LessThan(LongPatience / 2));
            }

            if (rank.Number == 3) rank.AssertTaken(Promise(1, LongPatience, Step + 1), Step + 1);
        },
        leaves: 1);

    [TestCase(1, 1, 1)]
    [TestCase(1023, 1, 1)]
    [TestCase(1024, 1, 1)]
    [TestCase(1025, 1, 2)]
    [TestCase(5000, 1, 5)]
    [TestCase(5000, 2, 3)]
    [TestCase(5000, 8, 1)]
    [TestCase(1_000_000, 1, 62)]
    [TestCase(1_000_000, 256, 4)]
    public void PiecesLeadToTheDigestOfAll(int length, int leaves, int count)
    {
        Random random = new(length);
        float[] values = new float[length];
        foreach (ref float value in values.AsSpan()) value = random.NextSingle();
        using CpuDevice device = new(1);
        using ModelWeights weights = new(device, length);
        values.CopyTo(weights.Values);
        weights.Send();
        BallotTree tree = weights.Tree(device);
        Ballot root = weights.Root(tree);
        Blake3Pieces pieces = new(length, leaves);
        Assert.That(pieces.Count, Is.EqualTo(count));
        byte[] digests = new byte[pieces.DigestsBytes], hashed = new byte[pieces.DigestsBytes];
        pieces.Join(tree.LeavesOf(0), digests);
        int start = 0;
        for (int piece = 0; piece < count; start += pieces.FloatsOf(piece++))
            pieces.Hash(piece, weights.Bytes.Slice(start * sizeof(float), pieces.FloatsOf(piece) * sizeof(float)), hashed.AsSpan(piece * Blake3Pieces.DigestBytes, Blake3Pieces.DigestBytes));
        Assert.That(start, Is.EqualTo(length));
        Assert.That(hashed, Is.EqualTo(digests));
        Assert.That(pieces.RootOf(digests), Is.EqualTo(root));
        digests[^1] ^= 1;
        Assert.That(pieces.RootOf(digests), Is.Not.EqualTo(root));
    }

    private static Instruction PassingOn(int carrier, int child, float patience = LongPatience)
    {
        Instruction promised = Promise(carrier, patience);
        promised.AddChild(child);
        return promised;
    }

    private static void AnswerWish(WeightsRank rank, int source, HeadFlags expected, long step = Step)
    {
        rank.AnswerWish(source, expected, Piece(step, 0));
        for (int piece = 1; piece < Pieces; piece++) rank.Send(source, Piece(step, piece));
    }

    /// <summary>Every piece once, in some order, and nothing else.</summary>
    private static void AssertComes(WeightsRank rank, int source)
    {
        rank.AssertTaken(Promise(source), Step);
        Assert.That(rank.World.Probe(source, Tag.Weights, out _, out _), Is.False, "no piece comes twice");
    }

    private static byte[] Piece(long step, int piece) => Piece(step, piece, Weights(step));

    private static byte[] Piece(long step, int piece, byte[] weights)
    {
        using CpuDevice device = new(1);
        using ModelWeights right = new(device, Floats);
        weights.CopyTo(right.Bytes);
        right.Send();
        BallotTree tree = right.Tree(device);
        _ = right.Root(tree);
        WeightsPieces pieces = new(Floats, leaves: 1);
        pieces.Write(step, weights, tree.LeavesOf(0));
        return pieces.Message(step, piece).ToArray();
    }
}
