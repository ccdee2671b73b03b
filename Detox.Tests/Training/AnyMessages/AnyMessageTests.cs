using System.Diagnostics;
using System.Globalization;
using CsCheck;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training.AnyMessages;

/// <summary>Whatever attackers send, as long as every group has an honest majority: a run ends, without an error, with the weights of the undisturbed
/// one, in bounded memory, and names no honest rank.</summary>
/// <remarks>DETOX_CAMPAIGN_ROUNDS, a number of steps, makes a long campaign of it, DETOX_CAMPAIGN_SEED draws other cases, and DETOX_CAMPAIGN_CASE,
/// a case's seed as a failure prints it, runs that case alone.</remarks>
public sealed class AnyMessageTests
{
    private const int UsualRounds = 300, ShrinkSeconds = 60;
    private const ulong UsualSeed = 1;

    [Test]
    public void NothingThatAttackersSendBreaksThePromise()
    {
        if (Environment.GetEnvironmentVariable("DETOX_CAMPAIGN_CASE") is { Length: > 0 } seed)
        {
            TestContext.Progress.WriteLine(ProtocolCase.Any.Generate(PCG.Parse(seed), null, out _));
            ProtocolRun.Check(ProtocolCase.Any.Generate(PCG.Parse(seed), null, out _));
            return;
        }

        int rounds = (int)Number("DETOX_CAMPAIGN_ROUNDS", UsualRounds), cases = (rounds + ProtocolCase.Steps - 1) / ProtocolCase.Steps;
        ulong campaign = Number("DETOX_CAMPAIGN_SEED", UsualSeed);
        long start = Stopwatch.GetTimestamp(), first = 0, last = 0;
        int mostHeld = 0;
        for (int i = 0; i < cases; i++)
        {
            PCG random = new((uint)i, campaign);
            string caseSeed = random.ToString(random.State);
            ProtocolCase drawn = ProtocolCase.Any.Generate(random, null, out _);
            try
            {
                mostHeld = Math.Max(mostHeld, ProtocolRun.Check(drawn));
            }
            catch (BrokenPromiseException broken)
            {
                Report(caseSeed, drawn, broken);
            }

            // What the first cases leave behind is the caches of a program that has warmed up.
            last = GC.GetTotalMemory(forceFullCollection: true);
            if (i == Math.Min(8, cases / 2)) first = last;
            if (rounds > UsualRounds && i % 10 == 9)
            {
                TestContext.Progress.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{(i + 1) * ProtocolCase.Steps} rounds in {Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s, {last / 1e6:F1} MB, at most {mostHeld} messages waiting"));
            }
        }

        const long mostLeft = 4_000_000;
        Assert.That(last - first, Is.LessThan(mostLeft), "bytes that the cases leave behind");
    }

    /// <summary>Rank 0 takes what comes a part at a time, and its own worker's vector may be behind it.</summary>
    [Test]
    public void AFloodStopsNobodyAndDoesNotPileUp([Values] Wait wait, [Values] bool onlyBallots)
    {
        const int times = 300, attackers = 3, messagesOfAStep = 8;
        ProtocolRule[] flood = [.. Enumerable.Range(0, attackers).Select(attacker
            => new ProtocolRule(attacker, onlyBallots ? MessageKind.Ballot : MessageKind.None, From: 0, Every: 1, Deed.Precede, Origin.Copy, Change.None, times, Salt: 0))];
        int held = ProtocolRun.Check(new ProtocolCase(Ranks: 9, GroupSize: 3, NodeSize: 0, wait, Seed: 1, flood));
        Assert.That(held, Is.LessThan(2 * times * attackers * messagesOfAStep), "more than two steps' messages wait for a rank");
    }

    /// <summary>Messages that nobody takes: to whom, and with what tag, does not matter.</summary>
    [Test]
    public void WhatNobodyAwaitsDoesNotPileUp([Values] Wait wait, [Values(0, 3)] int nodeSize)
    {
        const int times = 100, attackers = 3;
        ProtocolRule[] flood = [.. Enumerable.Range(0, attackers).Select(attacker
            => new ProtocolRule(attacker, MessageKind.Ballot, From: 0, Every: 1, Deed.Precede, Origin.Copy, Change.Tag | Change.Destination, times, Salt: 0))];
        int held = ProtocolRun.Check(new ProtocolCase(Ranks: 9, GroupSize: 3, nodeSize, wait, Seed: 1, flood));

        // Where steps do not wait for all, a rank may be away for some of the 25; they would leave it a thousand.
        int most = (wait == Wait.All ? 1 : 2) * times * attackers;
        Assert.That(held, Is.LessThan(most), "as many messages wait for a rank as all ranks are sent in so many steps");
    }

    /// <summary>A rank that is late leaves weights, and words about them, untaken: it gets the next ones all the same, and nobody is to blame.</summary>
    [Test]
    public void LateRanksOfOtherNodesGetTheirWeights([Values(2, 4)] int nodeSize, [Values] bool onlyWeights, [Values] bool swallows)
    {
        Deed deed = swallows ? Deed.Swallow : Deed.Delay;
        ProtocolRule[] late = [.. Enumerable.Range(0, 6).Select(attacker
            => new ProtocolRule(attacker, onlyWeights ? MessageKind.Weights : MessageKind.Ballot, From: 0, Every: 1, deed, Origin.Copy, Change.None, Times: 1, Salt: 0))];
        for (uint seed = 0; seed < 4; seed++)
            ProtocolRun.Check(new ProtocolCase(Ranks: 15, GroupSize: 5, nodeSize, Wait.Majority, seed, late));
    }

    /// <summary>A smaller case that fails too is easier to understand: CsCheck looks for one, beginning with this.</summary>
    private static void Report(string seed, ProtocolCase drawn, BrokenPromiseException broken)
    {
        TestContext.Progress.WriteLine($"DETOX_CAMPAIGN_CASE={seed}\n{drawn}{broken.Message}");
        ProtocolCase.Any.Sample(smaller => { ProtocolRun.Check(smaller); }, seed: seed, time: ShrinkSeconds, threads: 1, print: smaller => smaller.ToString());
        Assert.Fail($"a case has failed that does not fail again: DETOX_CAMPAIGN_CASE={seed}\n{drawn}{broken.Message}");
    }

    private static ulong Number(string variable, ulong usual)
        => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? ulong.Parse(text, CultureInfo.InvariantCulture) : usual;
}
