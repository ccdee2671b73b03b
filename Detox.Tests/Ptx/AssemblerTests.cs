using System.Text.RegularExpressions;

namespace Detox.Tests.Ptx;

/// <summary>What NVIDIA's assembler makes of every kernel, where it is installed: nothing that PTX does not say.</summary>
public sealed class AssemblerTests
{
    // For counting: the assembler may write a loop's body several times.
    private const string WithoutUnrolling = ".address_size 64\n.pragma \"nounroll\";";

    private static readonly Lazy<Assembler?> _assembler = new(Assembler.Find);

    private static Assembler Tool
    {
        get
        {
            if (_assembler.Value is null) Assert.Ignore(Assembler.Missing);
            return _assembler.Value!;
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void EveryFloatOperationIsOneInstruction(Type kernel, string architecture)
    {
        string text = KernelTexts.Of(kernel);
        AssembledKernel assembled = Tool.Assemble(text, architecture), counted = Tool.Assemble(text.Replace(".address_size 64", WithoutUnrolling, StringComparison.Ordinal), architecture);
        TestContext.Out.WriteLine(Row(kernel, assembled));
        Assert.That(assembled.SpillBytes, Is.Zero, "bytes that did not fit into registers");

        // A quotient of doubles holds one FFMA, which looks how large the quotient is; one of floats would hold more of all kinds.
        Assert.That(Written(text, @"(div|rcp|sqrt)\.rn\.f32"), Is.Zero, "quotients and roots of floats");
        Assert.Multiple(() =>
        {
            Assert.That(counted.Count("FFMA"), Is.EqualTo(Written(text, @"fma\.rn\.f32") + Written(text, @"div\.rn\.f64")), "FFMA");
            Assert.That(counted.Count("FMUL"), Is.EqualTo(Written(text, @"mul(\.rn)?\.f32")), "FMUL");
            Assert.That(counted.Count("FADD"), Is.EqualTo(Written(text, @"(add|sub)(\.rn)?\.f32")), "FADD");
            foreach (string kind in (string[])["FFMA", "FMUL", "FADD"]) Assert.That(assembled.Count(kind) > 0, Is.EqualTo(counted.Count(kind) > 0), $"{kind} where loops are unrolled");
            Assert.That(assembled.Code.Select(one => one.Opcode).Where(opcode => Regex.IsMatch(opcode, @"^(FFMA|FMUL|FADD|FSETP|FMNMX|FSEL)\..*FTZ")), Is.Empty, "subnormal numbers taken for zero");
        });
    }

    /// <summary>The test above sees what it looks for.</summary>
    [Test]
    public void AFusedProductIsSeen()
    {
        const string Body = "ld.global.f32 %f0, [%rd0]; ld.global.f32 %f1, [%rd0+4]; {0} %f2, %f0, %f1; add.f32 %f3, %f2, %f1; st.global.f32 [%rd1], %f3;";
        AssembledKernel fused = Tool.Assemble(TestKernel.Text(Body.Replace("{0}", "mul.f32", StringComparison.Ordinal)), "sm_80");
        Assert.That((fused.Count("FFMA"), fused.Count("FMUL"), fused.Count("FADD")), Is.EqualTo((1, 0, 0)));
        AssembledKernel kept = Tool.Assemble(TestKernel.Text(Body.Replace("{0}", "mul.rn.f32", StringComparison.Ordinal)), "sm_80");
        Assert.That((kept.Count("FFMA"), kept.Count("FMUL"), kept.Count("FADD")), Is.EqualTo((0, 1, 1)));
        AssembledKernel flushed = Tool.Assemble(TestKernel.Text(Body.Replace("{0}", "mul.rn.ftz.f32", StringComparison.Ordinal)), "sm_80");
        Assert.That(flushed.Code.Select(one => one.Opcode), Has.Member("FMUL.FTZ"));
    }

    [Test]
    public void WhatIsNoPtxIsAnError()
    {
        Assembler tool = Tool;
        Assert.That(Assert.Throws<InvalidOperationException>(() => tool.Assemble(TestKernel.Text("frob.s32 %r1, %r0;"), "sm_80"))!.Message, Does.Contain("frob"));
    }

    [Test]
    public void RunsAreFoundInAListing()
    {
        const string Listing = """
            kernel:
                    /*0000*/                   MOV R1, c[0x0][0x28] ;
            .L_x_0:
                    /*0010*/                   FADD R1, R1, R2 ;
            .L_x_1:
                    /*0020*/              @!P0 FFMA R2, R1, R3, R2 ;
                    /*0030*/               @P1 BRA `(.L_x_1) ;
                    /*0040*/               @P0 BRA `(.L_x_0) ;
                    /*0050*/                   EXIT ;
            .L_x_2:
                    /*0060*/                   BRA `(.L_x_2);
            """;
        AssembledKernel kernel = new() { Architecture = "sm_80", Registers = 0, SharedBytes = 0, StackBytes = 0, SpillBytes = 0, Code = AssembledKernel.Parse(Listing) };
        Assert.That(kernel.Code, Has.Count.EqualTo(7));
        Assert.That(kernel.LongestRun("FADD").Select(one => one.Kind), Is.EqualTo((string[])["FADD"]));
        Assert.That(kernel.LongestRun("FFMA").Select(one => one.Kind), Is.EqualTo((string[])["FFMA", "BRA"]));
    }

    private static IEnumerable<TestCaseData> Cases() => from kernel in KernelTexts.All()
                                                        from architecture in (string[])["sm_80", "sm_90"]
                                                        select new TestCaseData(kernel, architecture).SetArgDisplayNames(KernelTexts.NameOf(kernel), architecture);

    private static int Written(string text, string opcode) => PtxModule.Parse(text).Kernels[0].Code.Count(one => Regex.IsMatch(one.Opcode, $"^{opcode}$"));

    // With the run of instructions that has the most fused products: a product's sixteen terms.
    private static string Row(Type kernel, AssembledKernel one)
    {
        IReadOnlyList<Sass> run = one.LongestRun("FFMA");
        int fused = run.Count(of => of.Kind == "FFMA");
        string kinds = string.Join(", ", run.CountBy(of => of.Kind).OrderByDescending(of => of.Value).Take(5).Select(of => $"{of.Value} {of.Key}"));
        return $"{KernelTexts.NameOf(kernel)} {one.Architecture}: {one.Registers} registers, {one.SpillBytes} bytes spilled, {one.SharedBytes} bytes shared, "
            + $"{one.Count("FFMA")} FFMA, {one.Count("FMUL")} FMUL, {one.Count("FADD")} FADD of {one.Code.Count}; its run of most FFMA: {100.0 * fused / run.Count:F0} % of {run.Count} ({kinds})";
    }
}
