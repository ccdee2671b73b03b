using System.Numerics;

namespace Detox.Tests.Ptx;

/// <summary>Moves and conversions: ISA, "Data Movement and Conversion Instructions".</summary>
internal static partial class InstructionSet
{
    private static void AddConversions()
    {
        foreach (string type in (string[])["b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"]) Add($"mov.{type}", $"={type} {type}", Move);

        // ILGPU makes a generic address of what is a global one already: they are the same numbers.
        Add("cvta.to.global.u64", "=u64 u64", Move);

        string[] integers = ["u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"];
        foreach (string from in integers)
        {
            int bits = PtxType.Parse(from).Bits;
            bool isSigned = from[0] == 's';
            foreach (string to in integers)
            {
                PtxType target = PtxType.Parse(to);
                Add($"cvt.{to}.{from}", $"=~{to} ~{from}", Converting(a => isSigned ? (ulong)Signed(a, bits) : a & PtxType.Parse(from).Mask, target));
            }

            if (bits < 16) continue;
            Add($"cvt.rn.f32.{from}", $"=f32 ~{from}", a => Bits(isSigned ? Signed(a, bits) : Single(a & PtxType.Parse(from).Mask)));
            Add($"cvt.rn.f64.{from}", $"=f64 ~{from}", a => BitConverter.DoubleToUInt64Bits(isSigned ? Signed(a, bits) : Double(a & PtxType.Parse(from).Mask)));
        }

        Add("cvt.rn.f32.f64", "=f32 f64", a => Bits((float)D(a)));
        Add("cvt.f64.f32", "=f64 f32", a => BitConverter.DoubleToUInt64Bits(F(a)));
        foreach ((string rounding, Func<double, double> whole) in (ReadOnlySpan<(string, Func<double, double>)>)[(".rni", Math.Round), (".rzi", Math.Truncate), (".rmi", Math.Floor), (".rpi", Math.Ceiling)])
        {
            Add($"cvt{rounding}.f32.f32", "=f32 f32", a => Bits((float)whole(F(a))));
            Add($"cvt{rounding}.f64.f64", "=f64 f64", a => Bits(whole(D(a)), a, a));
            foreach (string to in integers.Skip(2))
            {
                PtxType target = PtxType.Parse(to);
                Add($"cvt{rounding}.{to}.f32", $"=~{to} f32", Converting(a => Integer(whole(F(a)), target, target.Bits == 64), target));
                Add($"cvt{rounding}.{to}.f64", $"=~{to} f64", Converting(a => Integer(whole(D(a)), target, true), target));
            }
        }
    }

    private static void Move(Warp warp, Instruction instruction, uint active)
    {
        ReadOnlySpan<ulong> from = warp.Read(instruction.Second, active);
        Span<ulong> to = warp.Write(instruction.First, active);
        if (active == uint.MaxValue)
        {
            from.CopyTo(to);
            return;
        }

        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            to[lane] = from[lane];
        }
    }

    // ISA, "Operand Size Exceeding Instruction-Type Size": the result fills a wider register by its own sign.
    private static Operation Converting(Func<ulong, ulong> of, PtxType target) => (warp, instruction, active) =>
    {
        ReadOnlySpan<ulong> a = warp.Read(instruction.Second, active);
        Span<ulong> to = warp.Write(instruction.First, active);
        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            to[lane] = Extended(of(a[lane]), target, instruction.RegisterBits);
        }
    };

    private static ulong Extended(ulong value, PtxType type, int registerBits)
        => (type.Class == 's' ? (ulong)Signed(value, type.Bits) : value & type.Mask) & new PtxType('b', registerBits).Mask;

    // Past 2^63 the lowest bit stands for all that are shifted out, which is enough to round by.
    private static float Single(ulong value) => value <= long.MaxValue ? (long)value : 2 * (float)(long)((value >> 1) | (value & 1));

    private static double Double(ulong value) => value <= long.MaxValue ? (long)value : 2 * (double)(long)((value >> 1) | (value & 1));

    // ISA, "cvt": floats beyond the target's range are clamped to it; a NaN is zero, or the highest bit where either side has 64.
    private static ulong Integer(double whole, PtxType target, bool isNaNHighest)
    {
        if (double.IsNaN(whole)) return isNaNHighest ? 1ul << (target.Bits - 1) : 0;
        double limit = Math.ScaleB(1, target.Class == 's' ? target.Bits - 1 : target.Bits);
        ulong most = target.Class == 's' ? target.Mask >> 1 : target.Mask;
        if (whole >= limit) return most;
        if (target.Class == 's') return whole < -limit ? 1ul << (target.Bits - 1) : (ulong)(long)whole;
        return whole <= 0 ? 0 : whole < Math.ScaleB(1, 63) ? (ulong)(long)whole : (ulong)(long)(whole - Math.ScaleB(1, 63)) | (1ul << 63);
    }
}
