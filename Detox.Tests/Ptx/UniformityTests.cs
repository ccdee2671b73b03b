namespace Detox.Tests.Ptx;

/// <summary>ILGPU writes of a branch that it is uniform where it finds nothing that says otherwise; it does not follow values through
/// local memory, nor through branches and loops that threads take differently.</summary>
public sealed class UniformityTests
{
    private static readonly (string Name, string Body)[] _doubtful =
    [
        ("by the thread's number", "setp.lt.u32 %p0, %r0, 16; @%p0 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by the lane", "mov.u32 %r1, %laneid; setp.lt.u32 %p0, %r1, 16; @%p0 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by what stands in a thread's word", "ld.global.u32 %r1, [%rd1]; setp.lt.u32 %p0, %r1, 16; @%p0 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by what another lane says", "mov.u32 %r2, 3; shfl.sync.idx.b32 %r1, %r2, 0, 31, 0xFFFFFFFF; setp.lt.u32 %p0, %r1, 16; @%p0 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by local memory", "mov.b64 %rd2, own; st.local.u32 [%rd2], %r0; ld.local.u32 %r1, [%rd2]; setp.lt.u32 %p0, %r1, 16; @%p0 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by the way taken", "setp.lt.u32 %p0, %r0, 16; mov.u32 %r1, 1; @%p0 bra JOIN; mov.u32 %r1, 2; JOIN: setp.eq.u32 %p1, %r1, 1; @%p1 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by a predicated write", "setp.lt.u32 %p0, %r0, 16; mov.u32 %r1, 1; @%p0 mov.u32 %r1, 2; setp.eq.u32 %p1, %r1, 1; @%p1 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by local memory written on a way", "mov.b64 %rd2, own; st.local.u32 [%rd2], 1; setp.lt.u32 %p0, %r0, 16; @%p0 bra JOIN; st.local.u32 [%rd2], 2; JOIN: ld.local.u32 %r1, [%rd2]; setp.eq.u32 %p1, %r1, 1; @%p1 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by the rounds of a loop", "mov.u32 %r1, 0; LOOP: add.u32 %r1, %r1, 1; setp.lt.u32 %p0, %r1, %r0; @%p0 bra LOOP; setp.eq.u32 %p1, %r1, 3; @%p1 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by a loop left in the middle", "mov.u32 %r1, 0; LOOP: setp.eq.u32 %p0, %r1, %r0; @%p0 bra DONE; add.u32 %r1, %r1, 1; setp.lt.u32 %p2, %r1, 9; @%p2 bra.uni LOOP; DONE: setp.eq.u32 %p1, %r1, 3; @%p1 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by a way that joins another inside", "setp.lt.u32 %p0, %r0, 16; setp.lt.u32 %p2, %r0, 8; mov.u32 %r1, 1; @%p0 bra FIRST; @%p2 bra OUT; bra SECOND; FIRST: mov.u32 %r1, 2; SECOND: setp.eq.u32 %p1, %r1, 1; @%p1 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
    ];

    private static readonly (string Name, string Body)[] _sound =
    [
        ("by a parameter", "mov.u32 %r1, %ctaid.x; setp.lt.u32 %p0, %r1, 16; @%p0 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by one word for all", "ld.global.u32 %r1, [%rd0]; setp.lt.u32 %p0, %r1, 16; @%p0 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by a vote", "setp.lt.u32 %p0, %r0, 16; vote.sync.any.pred %p1, %p0, 0xFFFFFFFF; @%p1 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by a register used for something else before", "add.u32 %r1, %r0, 1; st.global.u32 [%rd1], %r1; mov.u32 %r1, %ctaid.x; setp.lt.u32 %p0, %r1, 16; @%p0 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by the rounds of a loop of all", "mov.u32 %r1, 0; LOOP: add.u32 %r1, %r1, 1; setp.lt.u32 %p0, %r1, 7; @%p0 bra.uni LOOP; setp.eq.u32 %p1, %r1, 3; @%p1 bra.uni OUT; st.global.u32 [%rd1], 1; OUT:"),
        ("by a loop inside a branch", "setp.lt.u32 %p1, %r0, 16; @%p1 bra OUT; mov.u32 %r1, 0; LOOP: add.u32 %r1, %r1, 1; setp.lt.u32 %p0, %r1, 7; @%p0 bra.uni LOOP; OUT:"),
        ("by the round, in a loop that threads leave", "mov.u32 %r1, 0; LOOP: setp.eq.u32 %p0, %r1, %r0; @%p0 bra OUT; add.u32 %r1, %r1, 1; setp.lt.u32 %p2, %r1, 9; @%p2 bra.uni LOOP; OUT:"),
        ("without a condition", "setp.lt.u32 %p0, %r0, 16; @%p0 bra OUT; bra.uni OUT; OUT:"),
    ];

    // Branches that look doubtful and are not.
    private static readonly Dictionary<string, int> _deserved = new()
    {
        // The next channel of a patch: only threads that have a row step from pixel to pixel, and all of them do.
        ["ConvolutionForward.Kernel"] = 1,
    };

    [TestCaseSource(nameof(Doubtful))]
    public void ADoubtfulBranchIsSeen(string name)
        => Assert.That(Uniformity.DoubtfulBranches(Kernel(_doubtful.Single(one => one.Name == name).Body)), Has.Count.EqualTo(1));

    [TestCaseSource(nameof(Sound))]
    public void ASoundBranchIsLeftAlone(string name)
        => Assert.That(Uniformity.DoubtfulBranches(Kernel(_sound.Single(one => one.Name == name).Body)), Is.Empty);

    [TestCaseSource(typeof(KernelTexts), nameof(KernelTexts.Cases))]
    public void NoKernelHasADoubtfulBranch(Type kernel)
    {
        IReadOnlyList<Instruction> branches = Uniformity.DoubtfulBranches(PtxModule.Parse(KernelTexts.Of(kernel)).Kernels[0]);
        Assert.That(branches.Select(branch => $"line {branch.Line}: {branch.Text}").ToArray(), Has.Length.EqualTo(_deserved.GetValueOrDefault(KernelTexts.NameOf(kernel))));
    }

    private static IEnumerable<string> Doubtful() => _doubtful.Select(one => one.Name);

    private static IEnumerable<string> Sound() => _sound.Select(one => one.Name);

    private static PtxKernel Kernel(string body)
        => PtxModule.Parse(TestKernel.Text(body, ".local .align 8 .b8 own[16];"))["test"];
}
