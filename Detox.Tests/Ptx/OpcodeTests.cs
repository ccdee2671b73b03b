using Row = (string Opcode, ulong Expected, ulong[] Operands);

namespace Detox.Tests.Ptx;

/// <summary>Each family of instructions against results that are written out.</summary>
public sealed class OpcodeTests
{
    private const ulong NaN = 0x7FFFFFFF, Infinity = 0x7F800000, MinusInfinity = 0xFF800000, MinusZero = 0x80000000, One = 0x3F800000;
    private const ulong NaN64 = 0xFFF8000000000000, Infinity64 = 0x7FF0000000000000, MinusZero64 = 0x8000000000000000;

    [Test]
    public void Integers() => Check(
    [
        ("add.s32", 0x80000000, [0x7FFFFFFF, 1]),
        ("add.u64", 0, [ulong.MaxValue, 1]),
        ("add.s16", 0x8000, [0x7FFF, 1]),
        ("sub.s32", 0xFFFFFFFF, [0, 1]),
        ("sub.s64", ulong.MaxValue, [0, 1]),
        ("mul.lo.s32", 0xFFFFFFFE, [0xFFFFFFFF, 2]),
        ("mul.lo.u64", 0xFFFFFFFE00000001, [0xFFFFFFFF, 0xFFFFFFFF]),
        ("mul.hi.u32", 1, [0xFFFFFFFF, 2]),
        ("mul.hi.s32", 0xFFFFFFFF, [0xFFFFFFFF, 2]),
        ("mul.hi.u64", 0xFFFFFFFFFFFFFFFE, [ulong.MaxValue, ulong.MaxValue]),
        ("mul.hi.s64", 0, [ulong.MaxValue, ulong.MaxValue]),
        ("mul.wide.u32", 0xFFFFFFFE00000001, [0xFFFFFFFF, 0xFFFFFFFF]),
        ("mul.wide.s32", 1, [0xFFFFFFFF, 0xFFFFFFFF]),
        ("mul.wide.s32", 0xFFFFFFFF80000000, [0x80000000, 1]),
        ("mul.wide.u16", 0xFFFE0001, [0xFFFF, 0xFFFF]),
        ("mad.lo.s32", 7, [0xFFFFFFFF, 3, 10]),
        ("mad.lo.u64", 0x100000004, [0x40000000, 4, 4]),
        ("mad.wide.u32", 0x1FFFFFFFF, [0xFFFFFFFF, 1, 0x100000000]),
        ("mad.wide.s32", 0xFFFFFFFF, [0xFFFFFFFF, 1, 0x100000000]),
        ("div.s32", 0xFFFFFFFD, [0xFFFFFFF9, 2]),
        ("div.u32", 0x7FFFFFFC, [0xFFFFFFF9, 2]),
        ("div.s32", 0x80000000, [0x80000000, 0xFFFFFFFF]),
        ("div.s64", 0xFFFFFFFFFFFFFFFD, [0xFFFFFFFFFFFFFFF9, 2]),
        ("rem.s32", 0xFFFFFFFF, [0xFFFFFFF9, 2]),
        ("rem.s32", 1, [7, 0xFFFFFFFE]),
        ("rem.s32", 0, [0x80000000, 0xFFFFFFFF]),
        ("rem.u32", 1, [0xFFFFFFF9, 2]),
        ("min.s32", 0xFFFFFFFF, [0xFFFFFFFF, 1]),
        ("min.u32", 1, [0xFFFFFFFF, 1]),
        ("max.s32", 1, [0xFFFFFFFF, 1]),
        ("max.u32", 0xFFFFFFFF, [0xFFFFFFFF, 1]),
        ("max.s64", 5, [ulong.MaxValue, 5]),
        ("neg.s32", 0x80000000, [0x80000000]),
        ("neg.s32", 0xFFFFFFFB, [5]),
        ("abs.s32", 5, [0xFFFFFFFB]),
    ]);

    [Test]
    public void Bits() => Check(
    [
        ("and.b32", 0x0F000000, [0xFF00FF00, 0x0F0F0000]),
        ("or.b64", 0xFF00FF000F0F0000, [0xFF00FF0000000000, 0x0F0F0000]),
        ("xor.b32", 0xF00FFF00, [0xFF00FF00, 0x0F0F0000]),
        ("not.b32", 0xFFFFFFFE, [1]),
        ("not.b64", 0xFFFFFFFFFFFFFFFE, [1]),
        ("cnot.b32", 1, [0]),
        ("cnot.b32", 0, [7]),
        ("shl.b32", 0x80000000, [1, 31]),
        ("shl.b32", 0, [1, 32]),
        ("shl.b32", 0, [1, 33]),
        ("shl.b32", 0, [0xFFFFFFFF, 0xFFFFFFFF]),
        ("shl.b64", 0x100000000, [1, 32]),
        ("shl.b64", 0, [1, 64]),
        ("shr.u32", 1, [0x80000000, 31]),
        ("shr.u32", 0, [0x80000000, 32]),
        ("shr.u32", 0, [0x80000000, 0x100]),
        ("shr.s32", 0xFFFFFFFF, [0x80000000, 31]),
        ("shr.s32", 0xFFFFFFFF, [0x80000000, 32]),
        ("shr.s32", 0, [0x7FFFFFFF, 200]),
        ("shr.u64", 1, [0x8000000000000000, 63]),
        ("shr.u64", 0, [0x8000000000000000, 64]),
        ("shr.s64", ulong.MaxValue, [0x8000000000000000, 64]),
        ("popc.b32", 32, [0xFFFFFFFF]),
        ("popc.b64", 2, [0x8000000000000001]),
        ("clz.b32", 32, [0]),
        ("clz.b32", 31, [1]),
        ("clz.b64", 64, [0]),
        ("brev.b32", 0x80000000, [1]),
        ("bfe.u32", 0xBC, [0xABCDEF, 12, 8]),
        ("bfe.s32", 0xFFFFFFBC, [0xABCDEF, 12, 8]),
        ("bfe.s32", 0, [0xFFFFFFFF, 4, 0]),
        ("bfe.u32", 0xF, [0xF0000000, 28, 9]),
        ("bfe.s32", 0xFFFFFFFF, [0xF0000000, 40, 9]),
        ("bfi.b32", 0xFFFF5AFF, [0x5A, 0xFFFFFFFF, 8, 8]),
        ("bfi.b32", 0x7FFFFFFF, [0, 0xFFFFFFFF, 31, 5]),
        ("shf.l.wrap.b32", 0x12345678, [0x00000000, 0x12345678, 32]),
        ("shf.l.wrap.b32", 0x34567890, [0x90ABCDEF, 0x12345678, 8]),
        ("shf.r.wrap.b32", 0x7890ABCD, [0x90ABCDEF, 0x12345678, 8]),
        ("shf.l.clamp.b32", 0x90ABCDEF, [0x90ABCDEF, 0x12345678, 40]),
        ("shf.r.clamp.b32", 0x12345678, [0x90ABCDEF, 0x12345678, 40]),
        ("prmt.b32", 0x01234567, [0x67452301, 0, 0x0123]),
        ("prmt.b32", 0xFF0033CC, [0x80112233, 0x44CC0000, 0xBC06]),
    ]);

    [Test]
    public void Floats() => Check(
    [
        // 2^24 + 1 lies in the middle and goes to the even neighbour; 2^24 + 3 too, upwards.
        ("add.rn.f32", 0x4B800000, [0x4B800000, One]),
        ("add.rn.f32", 0x4B800002, [0x4B800001, One]),
        ("add.f32", MinusZero, [MinusZero, MinusZero]),
        ("add.rn.f32", 0, [MinusZero, 0]),
        ("add.rn.f32", NaN, [Infinity, MinusInfinity]),
        ("add.rn.f32", NaN, [0xFFC12345, One]),
        ("add.rn.f32", 0x00000002, [1, 1]),
        ("sub.f32", 0, [One, One]),
        ("sub.rn.f32", MinusInfinity, [One, Infinity]),
        ("mul.rn.f32", NaN, [0, Infinity]),
        ("mul.rn.f32", 0, [0x00000001, 0x3F000000]),
        ("mul.rn.f32", 0x00000002, [0x00000003, 0x3F000000]),
        ("mul.rn.f32", Infinity, [0x7F7FFFFF, 0x40000000]),

        // (1 + 2^-23)^2 - (1 + 2^-22) = 2^-46, which a rounded product loses.
        ("fma.rn.f32", 0x28800000, [0x3F800001, 0x3F800001, 0xBF800002]),
        ("fma.rn.f32", 0, [One, MinusZero, 0]),
        ("fma.rn.f32", MinusZero, [One, MinusZero, MinusZero]),
        ("fma.rn.f32", NaN, [0, Infinity, One]),
        ("div.rn.f32", 0x3EAAAAAB, [One, 0x40400000]),
        ("div.rn.f32", MinusInfinity, [One, MinusZero]),
        ("div.rn.f32", NaN, [0, 0]),
        ("rcp.rn.f32", 0x3EAAAAAB, [0x40400000]),
        ("sqrt.rn.f32", 0x3FB504F3, [0x40000000]),
        ("sqrt.rn.f32", MinusZero, [MinusZero]),
        ("sqrt.rn.f32", NaN, [0xBF800000]),
        ("neg.f32", MinusZero, [0]),
        ("abs.f32", One, [0xBF800000]),
        ("min.f32", MinusZero, [0, MinusZero]),
        ("min.f32", MinusZero, [MinusZero, 0]),
        ("max.f32", 0, [MinusZero, 0]),
        ("max.f32", 0, [0, MinusZero]),
        ("min.f32", One, [0x7FC00000, One]),
        ("max.f32", One, [One, 0x7FC00000]),
        ("max.f32", NaN, [0xFFC00001, 0x7FC00000]),
        ("min.f32", MinusInfinity, [One, MinusInfinity]),
        ("max.f32", 0x40000000, [One, 0x40000000]),
        ("min.NaN.f32", NaN, [0x7FC00000, One]),
        ("max.NaN.f32", NaN, [One, 0xFFC00000]),
        ("max.NaN.f32", 0x40000000, [One, 0x40000000]),
    ]);

    [Test]
    public void Doubles() => Check(
    [
        ("add.rn.f64", 0x4340000000000000, [0x4340000000000000, 0x3FF0000000000000]),
        ("add.f64", NaN64, [Infinity64, Infinity64 | MinusZero64]),
        ("sub.f64", 0x3FF0000000000000, [0x4000000000000000, 0x3FF0000000000000]),
        ("add.rn.f64", 0x7FF8000000000123, [0x7FF0000000000123, 0x3FF0000000000000]),
        ("mul.rn.f64", MinusZero64, [MinusZero64, 0x3FF0000000000000]),
        ("fma.rn.f64", 0x3970000000000000, [0x3FF0000000000001, 0x3FF0000000000001, 0xBFF0000000000002]),
        ("div.rn.f64", 0x3FD5555555555555, [0x3FF0000000000000, 0x4008000000000000]),
        ("rcp.rn.f64", Infinity64, [0]),
        ("sqrt.rn.f64", 0x3FF6A09E667F3BCD, [0x4000000000000000]),
        ("neg.f64", MinusZero64, [0]),
        ("abs.f64", 0, [MinusZero64]),
        ("min.f64", MinusZero64, [0, MinusZero64]),
        ("max.f64", 0x3FF0000000000000, [NaN64, 0x3FF0000000000000]),
    ]);

    [Test]
    public void Conversions() => Check(
    [
        ("mov.b32", 0xFFFFFFFF, [0xFFFFFFFF]),
        ("mov.f64", NaN64, [NaN64]),
        ("cvta.to.global.u64", 0x123456789ABCDEF0, [0x123456789ABCDEF0]),
        ("cvt.s64.s32", 0xFFFFFFFF80000000, [0x80000000]),
        ("cvt.u64.u32", 0x80000000, [0x80000000]),
        ("cvt.s32.s64", 0x89ABCDEF, [0x0123456789ABCDEF]),
        ("cvt.u32.u64", 0x89ABCDEF, [0x0123456789ABCDEF]),
        ("cvt.s32.s8", 0xFFFFFF80, [0x80]),
        ("cvt.u32.u8", 0x80, [0x80]),
        ("cvt.rn.f32.f64", One, [0x3FF0000010000000]),
        ("cvt.rn.f32.f64", 0x3F800002, [0x3FF0000030000000]),
        ("cvt.rn.f32.f64", 0x3F800001, [0x3FF0000010000001]),
        ("cvt.rn.f32.f64", Infinity, [0x47EFFFFFF0000000]),
        ("cvt.rn.f32.f64", NaN, [NaN64]),
        ("cvt.f64.f32", 0x36A0000000000000, [1]),
        ("cvt.rn.f32.s32", 0x4B800000, [0x01000001]),
        ("cvt.rn.f32.s32", 0x4B800002, [0x01000003]),
        ("cvt.rn.f32.s32", 0xCF000000, [0x80000000]),
        ("cvt.rn.f32.u32", 0x4F800000, [0xFFFFFFFF]),
        ("cvt.rn.f32.s64", 0xBF800000, [ulong.MaxValue]),
        ("cvt.rn.f32.u64", 0x5F800000, [ulong.MaxValue]),
        ("cvt.rn.f32.u64", 0x5F000000, [0x8000008000000000]),
        ("cvt.rn.f32.u64", 0x5F000001, [0x8000008000000001]),
        ("cvt.rn.f64.s32", 0xC1E0000000000000, [0x80000000]),
        ("cvt.rn.f64.u64", 0x43F0000000000000, [ulong.MaxValue]),
        ("cvt.rni.s32.f32", 2, [0x40200000]),
        ("cvt.rni.s32.f32", 4, [0x40600000]),
        ("cvt.rni.s32.f32", 0xFFFFFFFE, [0xC0200000]),
        ("cvt.rzi.s32.f32", 0xFFFFFFFE, [0xC039999A]),
        ("cvt.rmi.s32.f32", 0xFFFFFFFD, [0xC039999A]),
        ("cvt.rpi.s32.f32", 3, [0x40200000]),
        ("cvt.rzi.s32.f32", 0x7FFFFFFF, [0x4F000000]),
        ("cvt.rzi.s32.f32", 0x80000000, [MinusInfinity]),
        ("cvt.rzi.s32.f32", 0, [0x7FC00000]),
        ("cvt.rzi.u32.f32", 0, [0xBF800000]),
        ("cvt.rzi.u32.f32", 0xFFFFFFFF, [Infinity]),
        ("cvt.rzi.s64.f32", 0x8000000000000000, [0x7FC00000]),
        ("cvt.rzi.u64.f64", 0x8000000000000000, [0x43E0000000000000]),
        ("cvt.rzi.s64.f64", 0x7FFFFFFFFFFFFFFF, [0x43E0000000000000]),
        ("cvt.rni.f32.f32", MinusZero, [0xBF000000]),
        ("cvt.rni.f32.f32", 0x40000000, [0x3FC00000]),
        ("cvt.rzi.f64.f64", 0x3FF0000000000000, [0x3FF8000000000000]),
    ]);

    [Test]
    public void Comparisons() => Check(
    [
        ("setp.lt.s32", 1, [0xFFFFFFFF, 0]),
        ("setp.lt.u32", 0, [0xFFFFFFFF, 0]),
        ("setp.lo.u32", 1, [0, 0xFFFFFFFF]),
        ("setp.hi.u32", 1, [0xFFFFFFFF, 0]),
        ("setp.hs.u32", 1, [5, 5]),
        ("setp.ls.u32", 0, [6, 5]),
        ("setp.le.s64", 1, [0x8000000000000000, 0]),
        ("setp.ge.s32", 1, [5, 5]),
        ("setp.gt.s32", 0, [5, 5]),
        ("setp.eq.b32", 1, [5, 5]),
        ("setp.ne.u32", 0, [5, 5]),
        ("setp.eq.f32", 1, [0, MinusZero]),
        ("setp.lt.f32", 0, [MinusZero, 0]),
        ("setp.eq.f32", 0, [NaN, NaN]),
        ("setp.ne.f32", 0, [NaN, One]),
        ("setp.neu.f32", 1, [NaN, NaN]),
        ("setp.equ.f32", 1, [NaN, One]),
        ("setp.ltu.f32", 1, [One, NaN]),
        ("setp.ltu.f32", 0, [One, One]),
        ("setp.geu.f32", 1, [NaN, One]),
        ("setp.ge.f32", 0, [NaN, One]),
        ("setp.gtu.f32", 0, [One, 0x40000000]),
        ("setp.leu.f32", 1, [One, 0x40000000]),
        ("setp.le.f32", 1, [MinusInfinity, 1]),
        ("setp.num.f32", 0, [NaN, One]),
        ("setp.nan.f32", 1, [NaN, One]),
        ("setp.lt.f64", 1, [0, 1]),
        ("setp.gt.f64", 0, [NaN64, 0]),
        ("selp.b32", 3, [3, 4, 1]),
        ("selp.f32", One, [0, One, 0]),
        ("selp.b64", 4, [3, 4, 0]),
        ("and.pred", 0, [1, 0]),
        ("and.pred", 1, [1, 1]),
        ("or.pred", 1, [1, 0]),
        ("or.pred", 0, [0, 0]),
        ("xor.pred", 0, [1, 1]),
        ("not.pred", 1, [0]),
        ("mov.pred", 1, [1]),
    ]);

    [TestCase("ld.global.s8", 0xFFFFFF80u)]
    [TestCase("ld.global.u8", 0x80u)]
    [TestCase("ld.global.s16", 0xFFFFFF80u)]
    [TestCase("ld.global.u16", 0xFF80u)]
    public void AShortLoadFillsItsRegister(string opcode, uint expected)
        => Assert.That(TestKernel.Run($"{opcode} %r1, [%rd0]; st.global.u32 [%rd0], %r1;", threads: 1, words: [0xABCDFF80])[0], Is.EqualTo(expected));

    [Test]
    public void VectorsMoveAtOnce() => Assert.That(
        TestKernel.Run("ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%rd0]; st.global.v2.f32 [%rd0+16], {%f3, %f0};", threads: 1, words: [1, 2, 3, 4, 5, 6]),
        Is.EqualTo((uint[])[1, 2, 3, 4, 4, 1]));

    [Test]
    public void AVectorMayHoldConstants() => Assert.That(
        TestKernel.Run("mov.f32 %f0, 0f40000000; st.global.v4.f32 [%rd0], {0f3F800000, %f0, 0f00000000, 0f3F800000};", threads: 1, words: [7, 7, 7, 7]),
        Is.EqualTo((uint[])[0x3F800000, 0x40000000, 0, 0x3F800000]));

    /// <summary>The address is read before the register that holds it is written.</summary>
    [Test]
    public void ALoadMayOverwriteItsAddress()
        => Assert.That(TestKernel.Run("ld.global.b64 %rd1, [%rd1]; st.global.b64 [%rd0+8], %rd1;", threads: 1, words: [7, 9, 0, 0]), Is.EqualTo((uint[])[7, 9, 7, 9]));

    [Test]
    public void EveryThreadKnowsItsPlace()
    {
        string body = """
            mov.u32 %r1, %ctaid.x;
            mov.u32 %r2, %ntid.x;
            mad.lo.s32 %r3, %r1, %r2, %r0;
            mul.wide.u32 %rd2, %r3, 4;
            add.u64 %rd2, %rd0, %rd2;
            mov.u32 %r4, %laneid;
            mov.u32 %r5, %nctaid.x;
            mad.lo.s32 %r4, %r5, 100, %r4;
            st.global.u32 [%rd2], %r4;
            """;
        Assert.That(TestKernel.Run(body, threads: 40, groups: 3), Is.EqualTo(Enumerable.Range(0, 120).Select(i => (uint)(300 + (i % 40 % 32)))));
    }

    private static void Check(Row[] rows)
    {
        Assert.Multiple(() =>
        {
            foreach ((string opcode, ulong expected, ulong[] operands) in rows)
            {
                ulong found = TestKernel.Result(opcode, operands);
                Assert.That(found, Is.EqualTo(expected), $"{opcode} {string.Join(", ", operands.Select(operand => $"{operand:X}"))}: expected {expected:X}, found {found:X}");
            }
        });
    }
}
