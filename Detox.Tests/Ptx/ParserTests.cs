namespace Detox.Tests.Ptx;

/// <summary>What the machine takes for PTX, and that a refusal names the line and the reason.</summary>
public sealed class ParserTests
{
    [TestCase("frob.s32 %r1, %r0;", "'frob.s32' is not known")]
    [TestCase("add.sat.s32 %r1, %r0, 1;", "'add.sat.s32' is not known")]
    [TestCase("add.ftz.f32 %f1, %f0, %f0;", "subnormal")]
    [TestCase("rcp.approx.f32 %f1, %f0;", "only near")]
    [TestCase("ex2.approx.ftz.f32 %f1, %f0;", "refused")]
    [TestCase("div.full.f32 %f1, %f0, %f0;", "not correctly rounded")]
    [TestCase("mul.f32 %f1, %f0, %f0;", "may fuse")]
    [TestCase("mad.rn.f32 %f1, %f0, %f0, %f0;", "fma.rn")]
    [TestCase("atom.global.add.f32 %f1, [%rd0], %f0;", "in an order that nobody knows")]
    [TestCase("red.global.add.u32 [%rd0], %r0;", "in an order that nobody knows")]
    [TestCase("ld.f32 %f1, [%rd0];", "generic address")]
    [TestCase("call helper;", "a call")]
    [TestCase("add.s32 %r1, %r0;", "has 3 operands, not 2")]
    [TestCase("add.s32 %r1, %r99, 1;", "'%r99' is no register")]
    [TestCase("add.s32 %r1, %rd0, 1;", "%rd0 is a register of type b64")]
    [TestCase("add.s32 %r1, %f0, 1;", "%f0 is a register of type f32")]
    [TestCase("add.f32 %fd1, %f0, %f0;", "%fd1 is a register of type f64")]
    [TestCase("add.s32 5, %r0, 1;", "'5' is no register")]
    [TestCase("add.s32 %r1, %r0, 4294967296;", "no constant of type s32")]
    [TestCase("add.f32 %f1, %f0, 1;", "no constant of type f32")]
    [TestCase("selp.b32 %r1, %r0, %r0, %r0;", "%r0 is a register of type b32")]
    [TestCase("bra NOWHERE;", "no label 'NOWHERE'")]
    [TestCase("ld.param.b64 %rd2, [other];", "'other' is no parameter")]
    [TestCase("ld.shared.b32 %r1, [tile];", "'tile' is no address")]
    [TestCase("ld.global.v4.f32 {%f0, %f1}, [%rd0];", "a vector of 4")]
    [TestCase("ld.global.v2.u32 {%r1, 5}, [%rd0];", "'5' is no register")]
    [TestCase("st.global.v2.f32 [%rd0], {%f0, 5};", "no constant of type f32")]
    [TestCase("@%r0 bra OUT; OUT:", "'%r0' is no predicate")]
    [TestCase("mov.u32 %tid.x, 5;", "'%tid.x' is no register")]
    [TestCase("mov.u32 %r1, %clock;", "'%clock' is no register")]
    [TestCase("A: A:", "stands twice")]
    [TestCase(".reg .b32 %r3;", "declared twice")]
    [TestCase(".const .b32 x;", "instruction was expected")]
    [TestCase("mov.u32 %r1, #;", "'#' has no place")]
    public void ARefusalNamesItsLine(string body, string reason)
    {
        PtxSyntaxException error = Assert.Throws<PtxSyntaxException>(() => PtxModule.Parse(TestKernel.Text($"mov.u32 %r1, 0;\n{body}")))!;
        string[] lines = TestKernel.Text($"mov.u32 %r1, 0;\n{body}").Split('\n');
        Assert.That(error.Message, Does.Contain(reason));
        Assert.That(lines[error.Line - 1], Does.Contain(body));
    }

    [Test]
    public void ParametersLieAtTheirNaturalAlignment()
    {
        PtxKernel kernel = PtxModule.Parse("""
            .version 7.8 /* a comment
            of two lines */ .target sm_80, debug
            .address_size 64
            .visible .func (.param .f32 result) helper(.param .f32 a) ;
            .visible .func (.param .f32 result) helper(.param .f32 a) { .reg .f32 %f<2>; { st.param.f32 [result], 0f00000000; } ret; }
            .visible .entry first() .maxntid 128, 1, 1 .minnctapersm 2 { ret; }
            .visible .entry second(.param .b32 a, .param .align 8 .b8 b[20], .param .b8 c, .param .b64 d, .param .align 4 .b8 e[4]) { ret; }
            """)["second"];
        Assert.That(kernel.Parameters.Select(parameter => parameter.Offset), Is.EqualTo((int[])[0, 8, 28, 32, 40]));
        Assert.That(kernel.ParameterBytes, Is.EqualTo(44));
    }

    [Test]
    public void AModuleNamesItsKernelsAndFunctions()
    {
        PtxModule module = PtxModule.Parse(".visible .entry a() .maxntid 64 { ret; } .func b { ret; } .entry c { exit; }");
        Assert.That(module.Kernels.Select(kernel => kernel.Name), Is.EqualTo((string[])["a", "c"]));
        Assert.That(module.Functions, Is.EqualTo((string[])["b"]));
        Assert.That(module["a"].MostThreads, Is.EqualTo(64));
        Assert.Throws<ArgumentException>(() => _ = module["b"]);
    }

    [Test]
    public void AKernelMustEnd() => Assert.Throws<PtxSyntaxException>(() => PtxModule.Parse(".entry a() { .reg .b32 %r; mov.b32 %r, 1; }"));
}
