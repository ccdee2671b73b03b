using System.Numerics;

namespace Detox.Tests.Ptx;

/// <summary>Bits: ISA, "Logic and Shift Instructions" and the part of the integer instructions that moves bits.</summary>
internal static partial class InstructionSet
{
    private static void AddBits()
    {
        foreach (int bits in (int[])[16, 32, 64])
        {
            string one = $"=b{bits} b{bits}", two = $"{one} b{bits}";
            Add($"and.b{bits}", two, (a, b) => a & b);
            Add($"or.b{bits}", two, (a, b) => a | b);
            Add($"xor.b{bits}", two, (a, b) => a ^ b);
            Add($"not.b{bits}", one, a => ~a);
            Add($"cnot.b{bits}", one, a => a == 0 ? 1u : 0u);

            // Counts beyond the width are clamped to it.
            Add($"shl.b{bits}", $"{one} u32", (a, count) => count >= (uint)bits ? 0 : a << (int)count);
            Operation right = Mapped($"{one} u32", (a, count) => count >= (uint)bits ? 0 : a >> (int)count);
            Add($"shr.b{bits}", $"{one} u32", right);
            Add($"shr.u{bits}", $"=u{bits} u{bits} u32", right);
            Add($"shr.s{bits}", $"=s{bits} s{bits} u32", (a, count) => (ulong)(Signed(a, bits) >> (int)Math.Min(count, 63)));
        }

        foreach (int bits in (int[])[32, 64])
        {
            Add($"popc.b{bits}", $"=u32 b{bits}", a => (uint)BitOperations.PopCount(a));
            Add($"clz.b{bits}", $"=u32 b{bits}", a => (uint)(BitOperations.LeadingZeroCount(a) - (64 - bits)));
            Add($"brev.b{bits}", $"=b{bits} b{bits}", a => Reversed(a) >> (64 - bits));
            Add($"bfe.u{bits}", $"=u{bits} u{bits} u32 u32", (a, start, length) => Field(a, (int)start & 255, (int)length & 255, bits, false));
            Add($"bfe.s{bits}", $"=s{bits} s{bits} u32 u32", (a, start, length) => Field(a, (int)start & 255, (int)length & 255, bits, true));
            Add($"bfi.b{bits}", $"=b{bits} b{bits} b{bits} u32 u32", (warp, instruction, active) => Insert(warp, instruction, active, bits));
        }

        Add("shf.l.wrap.b32", "=b32 b32 b32 u32", (low, high, count) => Joined(low, high) << (int)(count & 31) >> 32);
        Add("shf.r.wrap.b32", "=b32 b32 b32 u32", (low, high, count) => Joined(low, high) >> (int)(count & 31));
        Add("shf.l.clamp.b32", "=b32 b32 b32 u32", (low, high, count) => count >= 32 ? low : Joined(low, high) << (int)count >> 32);
        Add("shf.r.clamp.b32", "=b32 b32 b32 u32", (low, high, count) => count >= 32 ? high : Joined(low, high) >> (int)count);
        Add("prmt.b32", "=b32 b32 b32 b32", (a, b, selector) => Permuted(Joined(a, b), (uint)selector));
    }

    private static ulong Joined(ulong low, ulong high) => low | (high << 32);

    private static ulong Reversed(ulong value)
    {
        ulong reversed = 0;
        for (int i = 0; i < 64; i++) reversed |= ((value >> i) & 1) << (63 - i);
        return reversed;
    }

    // ISA, "bfe": bits beyond the value, and beyond a signed field, are those of the field's highest bit.
    private static ulong Field(ulong a, int start, int length, int bits, bool isSigned)
    {
        ulong sign = isSigned && length > 0 ? (a >> Math.Min(start + length - 1, bits - 1)) & 1 : 0;
        ulong field = 0;
        for (int i = 0; i < bits; i++) field |= (i < length && start + i < bits ? (a >> (start + i)) & 1 : sign) << i;
        return field;
    }

    // ISA, "bfi d, a, b, c, e": length e of a from place c on in b.
    private static void Insert(Warp warp, Instruction instruction, uint active, int bits)
    {
        ReadOnlySpan<ulong> a = warp.Read(instruction.Second, active), b = warp.Read(instruction.Third, active);
        ReadOnlySpan<ulong> start = warp.Read(instruction.Fourth, active), length = warp.Read(instruction.Fifth, active);
        Span<ulong> to = warp.Write(instruction.First, active);
        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left), from = (int)start[lane] & 255, count = (int)length[lane] & 255;
            ulong result = b[lane];
            for (int i = 0; i < count && from + i < bits; i++) result = (result & ~(1ul << (from + i))) | (((a[lane] >> i) & 1) << (from + i));
            to[lane] = result;
        }
    }

    // ISA, "prmt": a nibble's low three bits choose a byte; its highest says that the byte's sign fills all eight bits.
    private static ulong Permuted(ulong bytes, uint selector)
    {
        ulong result = 0;
        for (int i = 0; i < 4; i++)
        {
            uint choice = (selector >> (4 * i)) & 15;
            ulong chosen = (bytes >> (int)(8 * (choice & 7))) & 255;
            if ((choice & 8) != 0) chosen = (chosen & 128) != 0 ? 255u : 0u;
            result |= chosen << (8 * i);
        }

        return result;
    }
}
