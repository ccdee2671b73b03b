using System.Numerics;

namespace Detox.Tests.Ptx;

/// <summary>Integers: ISA, "Integer Arithmetic Instructions".</summary>
internal static partial class InstructionSet
{
    private static void AddArithmetic()
    {
        foreach (string type in (string[])["u16", "s16", "u32", "s32", "u64", "s64"])
        {
            int bits = PtxType.Parse(type).Bits;
            bool isSigned = type[0] == 's';
            string one = $"={type} {type}", two = $"{one} {type}", three = $"{two} {type}";
            Add($"add.{type}", two, (a, b) => a + b);
            Add($"sub.{type}", two, (a, b) => a - b);
            Add($"mul.lo.{type}", two, (a, b) => a * b);
            Add($"mul.hi.{type}", two, (a, b) => High(a, b, bits, isSigned));
            Add($"mad.lo.{type}", three, (a, b, c) => (a * b) + c);
            Add($"mad.hi.{type}", three, (a, b, c) => High(a, b, bits, isSigned) + c);
            Add($"min.{type}", two, (a, b) => IsLess(a, b, bits, isSigned) ? a : b);
            Add($"max.{type}", two, (a, b) => IsLess(a, b, bits, isSigned) ? b : a);
            Add($"div.{type}", two, DividingBy((a, b) => isSigned ? SignedQuotient(Signed(a, bits), Signed(b, bits)) : a / b, PtxType.Parse(type)));
            Add($"rem.{type}", two, DividingBy((a, b) => isSigned ? SignedRemainder(Signed(a, bits), Signed(b, bits)) : a % b, PtxType.Parse(type)));
            if (isSigned) Add($"neg.{type}", one, a => 0 - a);
            if (isSigned) Add($"abs.{type}", one, a => Signed(a, bits) < 0 ? 0 - a : a);
            if (bits == 64) continue;
            string wide = $"{type[0]}{2 * bits}";
            Add($"mul.wide.{type}", $"={wide} {type} {type}", (a, b) => Wide(a, b, bits, isSigned));
            Add($"mad.wide.{type}", $"={wide} {type} {type} {wide}", (a, b, c) => Wide(a, b, bits, isSigned) + c);
        }
    }

    private static bool IsLess(ulong a, ulong b, int bits, bool isSigned) => isSigned ? Signed(a, bits) < Signed(b, bits) : a < b;

    private static ulong Wide(ulong a, ulong b, int bits, bool isSigned) => isSigned ? (ulong)(Signed(a, bits) * Signed(b, bits)) : a * b;

    private static ulong High(ulong a, ulong b, int bits, bool isSigned)
    {
        if (bits < 64) return Wide(a, b, bits, isSigned) >> bits;
        return isSigned ? (ulong)Math.BigMul((long)a, (long)b, out _) : Math.BigMul(a, b, out _);
    }

    // The smallest number has no negative; .NET would throw.
    private static ulong SignedQuotient(long a, long b) => b == -1 ? (ulong)-a : (ulong)(a / b);

    private static ulong SignedRemainder(long a, long b) => b == -1 ? 0 : (ulong)(a % b);

    // ISA, "div": division by zero yields an unspecified, machine-specific value.
    private static Operation DividingBy(Func<ulong, ulong, ulong> of, PtxType type) => (warp, instruction, active) =>
    {
        ReadOnlySpan<ulong> a = warp.Read(instruction.Second, active), b = warp.Read(instruction.Third, active);
        Span<ulong> to = warp.Write(instruction.First, active);
        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            if (b[lane] == 0) throw warp.FaultOf(lane, "a division by zero, whose result is not specified");
            to[lane] = of(a[lane], b[lane]) & type.Mask;
        }
    };
}
