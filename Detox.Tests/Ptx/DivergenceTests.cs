namespace Detox.Tests.Ptx;

/// <summary>Threads of a warp take different ways, and meet where they should: a vote of the whole warp, or a barrier, is an error otherwise.</summary>
public sealed class DivergenceTests
{
    private const string WholeWarp = "setp.eq.u32 %p7, %r0, %r0; vote.sync.all.pred %p7, %p7, 0xFFFFFFFF;";

    [Test]
    public void NestedBranchesMeetInsideAndOutside()
    {
        string body = $$"""
            and.b32 %r1, %r0, 1;
            and.b32 %r2, %r0, 2;
            setp.eq.u32 %p0, %r1, 0;
            setp.eq.u32 %p1, %r2, 0;
            mov.u32 %r3, 0;
            @%p0 bra EVEN;
            @%p1 bra LOW;
            add.u32 %r3, %r3, 1000;
            bra ODD;
            LOW:
            add.u32 %r3, %r3, 500;
            ODD:
            vote.sync.ballot.b32 %r4, %p0, 0xAAAAAAAA;
            add.u32 %r3, %r3, 1;
            bra JOIN;
            EVEN:
            add.u32 %r3, %r3, 2;
            JOIN:
            {{WholeWarp}}
            add.u32 %r3, %r3, 10;
            st.global.u32 [%rd1], %r3;
            """;
        Assert.That(TestKernel.Run(body), Is.EqualTo(Enumerable.Range(0, 32).Select(i => (uint)(i % 2 == 0 ? 12 : i % 4 == 1 ? 511 : 1011))));
    }

    [Test]
    public void LoopsOfDifferentLengthsMeetBehind()
    {
        string body = $$"""
            mov.u32 %r1, 0;
            mov.u32 %r2, 0;
            LOOP:
            setp.ge.u32 %p0, %r1, %r0;
            @%p0 bra DONE;
            add.u32 %r1, %r1, 1;
            add.u32 %r2, %r2, %r1;
            bra LOOP;
            DONE:
            {{WholeWarp}}
            st.global.u32 [%rd1], %r2;
            """;
        Assert.That(TestKernel.Run(body, out PtxCounts counts), Is.EqualTo(Enumerable.Range(0, 32).Select(i => (uint)(i * (i + 1) / 2))));

        // 4 of the frame, 2 before the loop, 31 rounds of 5 and a last one of 2, 4 behind and the return: nothing ran for a part of the warp twice.
        Assert.That(counts.Instructions, Is.EqualTo(4 + 2 + (31 * 5) + 2 + 3 + 1));
    }

    [Test]
    public void AnInnerLoopMeetsInEveryRoundOfTheOuterOne()
    {
        string body = $$"""
            mov.u32 %r1, 0;
            mov.u32 %r3, 0;
            OUTER:
            mov.u32 %r2, 0;
            INNER:
            setp.ge.u32 %p0, %r2, %r0;
            @%p0 bra NEXT;
            add.u32 %r2, %r2, 1;
            add.u32 %r3, %r3, 1;
            bra INNER;
            NEXT:
            {{WholeWarp}}
            add.u32 %r1, %r1, 1;
            setp.lt.u32 %p1, %r1, 3;
            @%p1 bra OUTER;
            st.global.u32 [%rd1], %r3;
            """;
        Assert.That(TestKernel.Run(body), Is.EqualTo(Enumerable.Range(0, 32).Select(i => (uint)(3 * i))));
    }

    [Test]
    public void ThreadsThatGoBackEarlyWaitAtTheHeadOfTheLoop()
    {
        string body = $$"""
            mov.u32 %r1, 0;
            mov.u32 %r2, 0;
            LOOP:
            {{WholeWarp}}
            add.u32 %r1, %r1, 1;
            setp.gt.u32 %p2, %r1, 4;
            @%p2 bra DONE;
            add.u32 %r3, %r0, %r1;
            and.b32 %r3, %r3, 1;
            setp.eq.u32 %p0, %r3, 0;
            @%p0 bra LOOP;
            add.u32 %r2, %r2, 1;
            bra LOOP;
            DONE:
            st.global.u32 [%rd1], %r2;
            """;
        Assert.That(TestKernel.Run(body), Is.All.EqualTo(2));
    }

    [Test]
    public void ThreadsThatLeaveALoopWaitBehindIt()
    {
        string body = $$"""
            mov.u32 %r1, 0;
            LOOP:
            setp.eq.u32 %p0, %r1, %r0;
            @%p0 bra FOUND;
            add.u32 %r1, %r1, 1;
            setp.lt.u32 %p1, %r1, 10;
            @%p1 bra LOOP;
            mov.u32 %r1, 77;
            FOUND:
            {{WholeWarp}}
            st.global.u32 [%rd1], %r1;
            """;
        Assert.That(TestKernel.Run(body), Is.EqualTo(Enumerable.Range(0, 32).Select(i => (uint)(i < 10 ? i : 77))));
    }

    /// <summary>The block of the branch stands behind the end of the kernel, as compilers lay it.</summary>
    [Test]
    public void ABranchMayStandBehindTheReturn()
    {
        string body = $$"""
            mov.u32 %r1, 1;
            setp.lt.u32 %p0, %r0, 7;
            @%p0 bra ASIDE;
            JOIN:
            {{WholeWarp}}
            st.global.u32 [%rd1], %r1;
            ret;
            ASIDE:
            mov.u32 %r1, 2;
            bra JOIN;
            """;
        Assert.That(TestKernel.Run(body), Is.EqualTo(Enumerable.Range(0, 32).Select(i => i < 7 ? 2u : 1u)));
    }

    [Test]
    public void TheOthersMeetWhereSomeReturnedInsideABranch()
    {
        string body = """
            mov.u32 %r1, 1;
            setp.lt.u32 %p0, %r0, 16;
            setp.lt.u32 %p1, %r0, 8;
            @!%p0 bra JOIN;
            @%p1 ret;
            mov.u32 %r1, 2;
            JOIN:
            setp.eq.u32 %p2, %r1, 2;
            vote.sync.ballot.b32 %r2, %p2, 0xFFFFFF00;
            st.global.u32 [%rd1], %r2;
            """;
        Assert.That(TestKernel.Run(body), Is.EqualTo(Enumerable.Range(0, 32).Select(i => i < 8 ? 0u : 0xFF00u)));
    }

    /// <summary>A way out of the kernel that nobody takes does not keep a branch from its end.</summary>
    [Test]
    public void AReturnThatNobodyTakesChangesNothing()
    {
        string body = """
            setp.lt.u32 %p0, %r0, 16;
            setp.gt.u32 %p1, %r0, 1000;
            @!%p0 bra JOIN;
            @%p1 bra OUT;
            JOIN:
            bar.sync 0;
            st.global.u32 [%rd1], 5;
            OUT:
            """;
        Assert.That(TestKernel.Run(body), Is.All.EqualTo(5));
    }

    [Test]
    public void APredicatedInstructionRunsForItsThreadsAlone()
    {
        string body = """
            mov.u32 %r1, 1;
            setp.lt.u32 %p0, %r0, 3;
            @%p0 mov.u32 %r1, 2;
            @!%p0 add.u32 %r1, %r1, 6;
            st.global.u32 [%rd1], %r1;
            """;
        Assert.That(TestKernel.Run(body), Is.EqualTo(Enumerable.Range(0, 32).Select(i => i < 3 ? 2u : 7u)));
    }

    [Test]
    public void AGroupsWarpsMeetAtBarriers()
    {
        // Every thread passes its number on to the one 33 places on, across the warps, through shared memory, twice.
        string body = """
            mov.b64 %rd2, tile;
            mul.wide.u32 %rd3, %r0, 4;
            add.u64 %rd3, %rd2, %rd3;
            add.u32 %r1, %r0, 33;
            rem.u32 %r1, %r1, 100;
            mul.wide.u32 %rd4, %r1, 4;
            add.u64 %rd4, %rd2, %rd4;
            mov.u32 %r2, %r0;
            mov.u32 %r3, 0;
            LOOP:
            st.shared.u32 [%rd3], %r2;
            bar.sync 0;
            ld.shared.u32 %r2, [%rd4];
            bar.sync 0;
            add.u32 %r3, %r3, 1;
            setp.lt.u32 %p0, %r3, 2;
            @%p0 bra.uni LOOP;
            st.global.u32 [%rd1], %r2;
            """;
        uint[] found = TestKernel.Run(body, threads: 100, declarations: ".shared .align 4 .b8 tile[400];");
        Assert.That(found, Is.EqualTo(Enumerable.Range(0, 100).Select(i => (uint)((i + 66) % 100))));
    }

    [TestCase("up", 1, 0, new[] { 0, 0, 1, 2, 3 })]
    [TestCase("down", 2, 31, new[] { 2, 3, 4, 5, 6 })]
    [TestCase("bfly", 1, 31, new[] { 1, 0, 3, 2, 5 })]
    [TestCase("idx", 3, 31, new[] { 3, 3, 3, 3, 3 })]
    [TestCase("down", 30, 31, new[] { 30, 31, 2, 3, 4 })]
    [TestCase("idx", 6, 0x1C03, new[] { 2, 2, 2, 2, 6 })]
    [TestCase("up", 1, 0x1C00, new[] { 0, 0, 1, 2, 4 })]
    [TestCase("down", 1, 0x1C03, new[] { 1, 2, 3, 3, 5 })]
    public void ShufflesReadOtherLanes(string mode, int distance, int clamp, int[] first)
    {
        string body = $"shfl.sync.{mode}.b32 %r1|%p0, %r0, {distance}, {clamp}, 0xFFFFFFFF; st.global.u32 [%rd1], %r1;";
        Assert.That(TestKernel.Run(body)[..5], Is.EqualTo(first));
    }

    [Test]
    public void AShuffleSaysWhetherItsLaneWasInRange()
    {
        string body = "shfl.sync.down.b32 %r1|%p0, %r0, 1, 31, 0xFFFFFFFF; selp.u32 %r2, 1, 0, %p0; st.global.u32 [%rd1], %r2;";
        Assert.That(TestKernel.Run(body), Is.EqualTo(Enumerable.Range(0, 32).Select(i => i < 31 ? 1u : 0u)));
    }

    [TestCase("vote.sync.any.pred %p1, %p0, 0xFFFFFFFF;", 1u)]
    [TestCase("vote.sync.all.pred %p1, %p0, 0xFFFFFFFF;", 0u)]
    [TestCase("vote.sync.uni.pred %p1, %p0, 0xFFFFFFFF;", 0u)]
    [TestCase("vote.sync.any.pred %p1, !%p0, 0xFFFFFFFF;", 1u)]
    public void Votes(string vote, uint expected)
        => Assert.That(TestKernel.Run($"setp.lt.u32 %p0, %r0, 5; {vote} selp.u32 %r1, 1, 0, %p1; st.global.u32 [%rd1], %r1;"), Is.All.EqualTo(expected));

    [Test]
    public void ABallotCountsItsLanes()
        => Assert.That(TestKernel.Run("setp.lt.u32 %p0, %r0, 5; vote.sync.ballot.b32 %r1, !%p0, 0xFFFFFFFF; st.global.u32 [%rd1], %r1;"), Is.All.EqualTo(0xFFFFFFE0));
}
