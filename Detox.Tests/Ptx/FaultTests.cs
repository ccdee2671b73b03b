namespace Detox.Tests.Ptx;

/// <summary>Each check fires on a kernel that breaks it, says where, and lets the repaired kernel pass.</summary>
public sealed class FaultTests
{
    private const string Tile = ".shared .align 16 .b8 tile[256]; .shared .align 16 .b8 other[256]; .local .align 8 .b8 own[16];";

    // Each thread's own word of the tile, and its right neighbour's.
    private const string OwnWord = "mov.b64 %rd2, tile; mul.wide.u32 %rd3, %r0, 4; add.u64 %rd2, %rd2, %rd3; ";
    private const string Half = "setp.lt.u32 %p0, %r0, 16; ";

    private static readonly (string Name, string Reason, string Broken, string Sound)[] _kernels =
    [
        ("a uniform branch diverges", "said to be uniform", Half + "@%p0 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:", Half + "@%p0 bra OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("a barrier in a branch", "a warp that has diverged", Half + "@%p0 bra OUT; bar.sync 0; OUT:", Half + "@%p0 bra OUT; add.u32 %r1, %r0, 1; OUT: bar.sync 0;"),
        ("a barrier for some", "a warp that has diverged", Half + "@%p0 bar.sync 0;", "setp.lt.u32 %p0, %r0, 100; @%p0 bar.sync 0;"),
        ("a barrier behind a return", "has returned", Half + "@%p0 ret; bar.sync 0;", Half + "bar.sync 0; @%p0 ret;"),
        ("a barrier behind a warp's return", "has returned", "setp.lt.u32 %p0, %r0, 32; @%p0 ret; bar.sync 0;", "setp.lt.u32 %p0, %r0, 32; bar.sync 0; @%p0 ret;"),
        ("two barriers at a time", "waits at the barrier in line",
            "setp.lt.u32 %p0, %r0, 32; @%p0 bra FIRST; bar.sync 0; bra OUT; FIRST:\n bar.sync 0; OUT:", "setp.lt.u32 %p0, %r0, 32; @%p0 bra FIRST; bra OUT; FIRST:\n OUT: bar.sync 0;"),
        ("shared memory as it was", "was never written", "ld.shared.u32 %r1, [tile];", OwnWord + "st.shared.u32 [%rd2], %r0; ld.shared.u32 %r1, [%rd2];"),
        ("half of a word written", "was never written", OwnWord + "mov.u16 %h0, 1; st.shared.u16 [%rd2], %h0; ld.shared.u32 %r1, [%rd2];", OwnWord + "mov.u16 %h0, 1; st.shared.u16 [%rd2], %h0; st.shared.u16 [%rd2+2], %h0; ld.shared.u32 %r1, [%rd2];"),
        ("local memory as it was", "was never written", "mov.b64 %rd2, own; ld.local.u32 %r1, [%rd2+4];", "mov.b64 %rd2, own; st.local.u32 [%rd2+4], %r0; ld.local.u32 %r1, [%rd2+4];"),
        ("a neighbour's word without a barrier", "is read, and was written",
            OwnWord + "st.shared.u32 [%rd2], %r0; xor.b32 %r2, %r0, 1; mul.wide.u32 %rd4, %r2, 4; mov.b64 %rd5, tile; add.u64 %rd4, %rd4, %rd5; ld.shared.u32 %r1, [%rd4];",
            OwnWord + "st.shared.u32 [%rd2], %r0; xor.b32 %r2, %r0, 1; mul.wide.u32 %rd4, %r2, 4; mov.b64 %rd5, tile; add.u64 %rd4, %rd4, %rd5; bar.sync 0; ld.shared.u32 %r1, [%rd4];"),
        ("a warp's barrier is none", "is read, and was written",
            OwnWord + "st.shared.u32 [%rd2], %r0; bar.warp.sync 0xFFFFFFFF; ld.shared.u32 %r1, [tile];", OwnWord + "st.shared.u32 [%rd2], %r0; bar.warp.sync 0xFFFFFFFF; bar.sync 0; ld.shared.u32 %r1, [tile];"),
        ("one word for two threads", "is written, and was written", "st.shared.u32 [tile], %r0;", "setp.eq.u32 %p0, %r0, 0; @%p0 st.shared.u32 [tile], %r0;"),
        ("written where others read", "is written, and was read",
            OwnWord + "st.shared.u32 [%rd2], %r0; bar.sync 0; ld.shared.u32 %r1, [tile]; st.shared.u32 [%rd2], %r1;",
            OwnWord + "st.shared.u32 [%rd2], %r0; bar.sync 0; ld.shared.u32 %r1, [tile]; bar.sync 0; st.shared.u32 [%rd2], %r1;"),
        ("behind shared memory", "outside the arrays of shared", "st.shared.u32 [tile+256], %r0;", "setp.eq.u32 %p0, %r0, 9; @%p0 st.shared.u32 [tile+252], %r0;"),
        ("before shared memory", "outside the arrays of shared", "st.shared.u32 [tile+-4], %r0;", "setp.eq.u32 %p0, %r0, 9; @%p0 st.shared.u32 [tile+0], %r0;"),
        ("a null pointer to shared memory", "outside the arrays of shared", "mov.u64 %rd2, 0; st.shared.u32 [%rd2], %r0;", "mov.u64 %rd2, other; setp.eq.u32 %p0, %r0, 9; @%p0 st.shared.u32 [%rd2], %r0;"),
        ("behind local memory", "outside the arrays of local", "mov.b64 %rd2, own; st.local.u32 [%rd2+16], %r0;", "mov.b64 %rd2, own; st.local.u32 [%rd2+12], %r0;"),
        ("behind a buffer", "outside every buffer", "add.u64 %rd1, %rd1, 4; st.global.u32 [%rd1], %r0;", "st.global.u32 [%rd1], %r0;"),
        ("before a buffer", "outside every buffer", "ld.global.u32 %r1, [%rd0+-4];", "ld.global.u32 %r1, [%rd0];"),
        ("a crooked word", "no multiple of 4", "ld.global.u32 %r1, [%rd0+2];", "ld.global.u16 %h0, [%rd0+2];"),
        ("a crooked vector", "no multiple of 16", "ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd0+8];", "ld.global.v2.u32 {%r1, %r2}, [%rd0+8];"),
        ("a crooked vector in shared memory", "no multiple of 8", "st.shared.v2.u32 [tile+4], {%r0, %r0};", "setp.eq.u32 %p0, %r0, 0; @%p0 st.shared.v2.u32 [tile+8], {%r0, %r0};"),
        ("a register as it was", "a register is read", "st.global.u32 [%rd1], %r5;", "mov.u32 %r5, 0; st.global.u32 [%rd1], %r5;"),
        ("a register that others wrote", "a register is read", Half + "@%p0 mov.u32 %r5, 1; st.global.u32 [%rd1], %r5;", Half + "@%p0 mov.u32 %r5, 1; @!%p0 mov.u32 %r5, 2; st.global.u32 [%rd1], %r5;"),
        ("one of a vector as it was", "a register is read", "setp.eq.u32 %p0, %r0, 0; @%p0 st.global.v2.u32 [%rd0], {%r0, %r5};", "setp.eq.u32 %p0, %r0, 0; @%p0 st.global.v2.u32 [%rd0], {%r0, %r0};"),
        ("a predicate as it was", "a predicate is read", "@%p3 mov.u32 %r1, 1;", Half + "@%p0 mov.u32 %r1, 1;"),
        ("one word of a buffer for two", "is written, and was written", "st.global.u32 [%rd0], %r0;", "setp.eq.u32 %p0, %r0, 3; @%p0 st.global.u32 [%rd0], %r0;"),
        ("another's word of a buffer", "is read, and was written", "st.global.u32 [%rd1], %r0; ld.global.u32 %r1, [%rd0];", "st.global.u32 [%rd1], %r0; ld.global.u32 %r1, [%rd1];"),
        ("a buffer's word that another read", "is written, and was read", "ld.global.u32 %r1, [%rd0+40]; st.global.u32 [%rd1], %r0;", "ld.global.u32 %r1, [%rd1]; st.global.u32 [%rd1], %r0;"),
        ("a barrier does not order global memory", "is read, and was written", "st.global.u32 [%rd1], %r0; bar.sync 0; ld.global.u32 %r1, [%rd0];", "st.global.u32 [%rd1], %r0; bar.sync 0; ld.global.u32 %r1, [%rd1];"),
        ("a division by zero", "a division by zero", "div.s32 %r1, 100, %r0;", "add.s32 %r1, %r0, 1; div.s32 %r1, 100, %r1;"),
        ("a remainder by zero", "a division by zero", "rem.u32 %r1, 100, %r0;", "add.s32 %r1, %r0, 1; rem.u32 %r1, 100, %r1;"),
        ("a shuffle in a branch", "is not there", Half + "@%p0 bra OUT; shfl.sync.idx.b32 %r1, %r0, 0, 31, 0xFFFFFFFF; OUT:", "shfl.sync.idx.b32 %r1, %r0, 0, 31, 0xFFFFFFFF;"),
        ("a shuffle without its own lane", "is not in the mask", "shfl.sync.idx.b32 %r1, %r0, 0, 31, 0x0000FFFF;", Half + "@%p0 shfl.sync.idx.b32 %r1, %r0, 0, 31, 0x0000FFFF;"),
        ("a shuffle of different masks", "different masks", "shfl.sync.idx.b32 %r1, %r0, 0, 31, %r0;", "mov.u32 %r2, 0xFFFFFFFF; shfl.sync.idx.b32 %r1, %r0, 0, 31, %r2;"),
        ("a shuffle from one that is not there", "takes no part", Half + "@%p0 shfl.sync.idx.b32 %r1, %r0, 20, 31, 0x0000FFFF;", Half + "@%p0 shfl.sync.idx.b32 %r1, %r0, 9, 31, 0x0000FFFF;"),
        ("a vote in a branch", "is not there", Half + "@%p0 vote.sync.ballot.b32 %r1, %p0, 0xFFFFFFFF;", Half + "vote.sync.ballot.b32 %r1, %p0, 0xFFFFFFFF;"),
        ("a warp's barrier in a branch", "is not there", Half + "@%p0 bar.warp.sync 0xFFFFFFFF;", Half + "@%p0 bar.warp.sync 0x0000FFFF;"),
        ("a kernel without end", "seems not to end", "LOOP: bra LOOP;", "LOOP: setp.ne.u32 %p0, %r0, %r0; @%p0 bra LOOP;"),
    ];

    private static readonly PtxChecks _checks = new() { MostInstructionsOfAWarp = 1000 };

    [TestCaseSource(nameof(Names))]
    public void TheBrokenKernelIsRefused(string name)
    {
        (_, string reason, string broken, string sound) = _kernels.Single(kernel => kernel.Name == name);
        PtxFault fault = Assert.Throws<PtxFault>(() => TestKernel.Run(broken, threads: 64, declarations: Tile, checks: _checks))!;
        Assert.That(fault.Message, Does.Contain(reason).And.StartWith("test, line "));
        Assert.DoesNotThrow(() => TestKernel.Run(sound, threads: 64, declarations: Tile, checks: _checks));
    }

    [Test]
    public void AFaultNamesThePlace()
    {
        string body = """
            setp.eq.u32 %p0, %r0, 37;
            @!%p0 bra OUT;
            ld.global.u32 %r1, [%rd1+100000];
            OUT:
            """;
        PtxFault fault = Assert.Throws<PtxFault>(() => TestKernel.Run(body, threads: 64, groups: 2))!;
        string[] lines = TestKernel.Text(body).Split('\n');
        Assert.That(lines[fault.Line - 1], Does.Contain("100000"));
        Assert.That(fault.Thread, Is.EqualTo(new Triple(37, 0, 0)));
        Assert.That(fault.Group, Is.EqualTo(new Triple(0, 0, 0)));
        Assert.That(fault.Message, Does.Contain("'ld.global.u32 %r1, [%rd1+100000];'"));
    }

    /// <summary>What PTX says of .uni is a promise of the threads that are active; whole warps are asked for on demand.</summary>
    [Test]
    public void AUniformBranchInAPartOfAWarp()
    {
        string body = Half + "@%p0 bra OUT; setp.lt.u32 %p1, %r0, 100; @%p1 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:";
        Assert.DoesNotThrow(() => TestKernel.Run(body));
        PtxFault fault = Assert.Throws<PtxFault>(() => TestKernel.Run(body, checks: new PtxChecks { UniformBranches = UniformBranches.OfWholeWarps }))!;
        Assert.That(fault.Reason, Does.Contain("a warp that has diverged"));
        string diverging = Half + "@%p0 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:";
        Assert.That(TestKernel.Run(diverging, checks: new PtxChecks { UniformBranches = UniformBranches.Believed })[15..17], Is.EqualTo((uint[])[0, 1]));
    }

    [Test]
    public void ABufferEndsInTheMiddleOfAnAccess()
    {
        Assert.DoesNotThrow(() => TestKernel.Run("ld.global.b64 %rd2, [%rd0+8];", threads: 1, words: new uint[4]));
        PtxFault fault = Assert.Throws<PtxFault>(() => TestKernel.Run("ld.global.b64 %rd2, [%rd0+8];", threads: 1, words: new uint[3]))!;
        Assert.That(fault.Reason, Does.Contain("outside every buffer; byte 8 of one that has 12"));
    }

    [Test]
    public void BytesOfOneSharedWordMayBelongToDifferentThreads()
        => Assert.DoesNotThrow(() => TestKernel.Run("mov.b64 %rd2, tile; cvt.u64.u32 %rd3, %r0; add.u64 %rd2, %rd2, %rd3; mov.u16 %h0, 5; st.shared.u8 [%rd2], %h0;", declarations: Tile));

    [Test]
    public void TwoGroupsMustNotWriteOneWord()
    {
        string body = "setp.eq.u32 %p0, %r0, 5; @%p0 st.global.u32 [%rd0], %r0;";
        Assert.That(Assert.Throws<PtxFault>(() => TestKernel.Run(body, groups: 2))!.Reason, Does.Contain("thread 5 of the launch"));
        Assert.DoesNotThrow(() => TestKernel.Run(body, groups: 2, checks: new PtxChecks { GlobalRaces = false }));
    }

    /// <summary>Groups that do not touch each other's words may run side by side, and compute the same.</summary>
    [Test]
    public void GroupsRunSideBySideWhereRacesAreNotLookedFor()
    {
        string body = "mov.u32 %r1, %ctaid.x; mad.lo.u32 %r2, %r1, 32, %r0; mul.wide.u32 %rd2, %r2, 4; add.u64 %rd2, %rd0, %rd2; st.global.u32 [%rd2], %r2;";
        PtxChecks checks = new() { GlobalRaces = false, GroupsAtATime = 4 };
        Assert.That(TestKernel.Run(body, groups: 500, checks: checks), Is.EqualTo(Enumerable.Range(0, 16000)));
        Assert.Throws<PtxFault>(() => TestKernel.Run("ld.global.u32 %r1, [%rd0+-4];", groups: 500, checks: checks));
    }

    [TestCase(0, 1, 1, 32, 1, 1)]
    [TestCase(1, 70000, 1, 32, 1, 1)]
    [TestCase(1, 1, 1, 1025, 1, 1)]
    [TestCase(1, 1, 1, 4, 4, 65)]
    [TestCase(1, 1, 1, 0, 1, 1)]
    public void ALaunchThatTheDriverRefuses(int gridX, int gridY, int gridZ, int groupX, int groupY, int groupZ)
    {
        PtxKernel kernel = PtxModule.Parse(TestKernel.Text(string.Empty))["test"];
        PtxMachine machine = new(new GlobalMemory());
        Assert.Throws<ArgumentException>(() => machine.Launch(kernel, new Triple(gridX, gridY, gridZ), new Triple(groupX, groupY, groupZ), new byte[8]));
        Assert.Throws<ArgumentException>(() => machine.Launch(kernel, new Triple(1, 1, 1), new Triple(32, 1, 1), new byte[12]));
        Assert.DoesNotThrow(() => machine.Launch(kernel, new Triple(1, 1, 1), new Triple(32, 1, 1), new byte[8]));
    }

    private static IEnumerable<string> Names() => _kernels.Select(kernel => kernel.Name);
}
