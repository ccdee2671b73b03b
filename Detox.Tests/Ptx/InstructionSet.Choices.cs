using System.Numerics;

namespace Detox.Tests.Ptx;

/// <summary>Comparisons, selections and predicates: ISA, "Comparison and Selection Instructions".</summary>
internal static partial class InstructionSet
{
    private static void AddChoices()
    {
        foreach (int bits in (int[])[16, 32, 64])
        {
            foreach (char of in "bus")
            {
                AddComparison("eq", $"{of}{bits}", (a, b) => a == b);
                AddComparison("ne", $"{of}{bits}", (a, b) => a != b);
            }

            AddComparison("lt", $"s{bits}", (a, b) => Signed(a, bits) < Signed(b, bits));
            AddComparison("le", $"s{bits}", (a, b) => Signed(a, bits) <= Signed(b, bits));
            AddComparison("gt", $"s{bits}", (a, b) => Signed(a, bits) > Signed(b, bits));
            AddComparison("ge", $"s{bits}", (a, b) => Signed(a, bits) >= Signed(b, bits));
            foreach ((string name, Func<ulong, ulong, bool> of) in (ReadOnlySpan<(string, Func<ulong, ulong, bool>)>)
                [("lt", (a, b) => a < b), ("le", (a, b) => a <= b), ("gt", (a, b) => a > b), ("ge", (a, b) => a >= b)])
            {
                AddComparison(name, $"u{bits}", of);
                AddComparison(name switch { "lt" => "lo", "le" => "ls", "gt" => "hi", _ => "hs" }, $"u{bits}", of);
            }
        }

        AddFloatComparisons("f32", a => F(a));
        AddFloatComparisons("f64", D);
        foreach (string type in (string[])["b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"]) Add($"selp.{type}", $"={type} {type} {type} pred", Select);

        AddPredicates("and.pred", (a, b) => a & b);
        AddPredicates("or.pred", (a, b) => a | b);
        AddPredicates("xor.pred", (a, b) => a ^ b);
        Add("not.pred", "=pred pred", (warp, i, active) => warp.WritePredicate(i.First, active, ~warp.ReadPredicate(i.Second, active)));
        Add("mov.pred", "=pred pred", (warp, i, active) => warp.WritePredicate(i.First, active, warp.ReadPredicate(i.Second, active)));
    }

    // Ordered comparisons are false where an operand is NaN, "ne" among them; the unordered ones (equ, neu, ltu, ...) are true.
    private static void AddFloatComparisons(string type, Func<ulong, double> value)
    {
        foreach ((string name, Func<double, double, bool> of) in (ReadOnlySpan<(string, Func<double, double, bool>)>)
            [("eq", (a, b) => a == b), ("ne", (a, b) => a != b), ("lt", (a, b) => a < b), ("le", (a, b) => a <= b), ("gt", (a, b) => a > b), ("ge", (a, b) => a >= b)])
        {
            AddComparison(name, type, (a, b) => !IsUnordered(value(a), value(b)) && of(value(a), value(b)));
            AddComparison($"{name}u", type, (a, b) => IsUnordered(value(a), value(b)) || of(value(a), value(b)));
        }

        AddComparison("num", type, (a, b) => !IsUnordered(value(a), value(b)));
        AddComparison("nan", type, (a, b) => IsUnordered(value(a), value(b)));
    }

    private static bool IsUnordered(double a, double b) => double.IsNaN(a) || double.IsNaN(b);

    private static void AddComparison(string name, string type, Func<ulong, ulong, bool> of) => Add($"setp.{name}.{type}", $"=pred {type} {type}", (warp, instruction, active) =>
    {
        ReadOnlySpan<ulong> a = warp.Read(instruction.Second, active), b = warp.Read(instruction.Third, active);
        uint holds = 0;
        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            if (of(a[lane], b[lane])) holds |= 1u << lane;
        }

        warp.WritePredicate(instruction.First, active, holds);
    });

    private static void AddPredicates(string opcode, Func<uint, uint, uint> of) => Add(opcode, "=pred pred pred", (warp, instruction, active)
        => warp.WritePredicate(instruction.First, active, of(warp.ReadPredicate(instruction.Second, active), warp.ReadPredicate(instruction.Third, active))));

    private static void Select(Warp warp, Instruction instruction, uint active)
    {
        ReadOnlySpan<ulong> a = warp.Read(instruction.Second, active), b = warp.Read(instruction.Third, active);
        uint chosen = warp.ReadPredicate(instruction.Fourth, active);
        Span<ulong> to = warp.Write(instruction.First, active);
        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            to[lane] = (chosen >> lane & 1) != 0 ? a[lane] : b[lane];
        }
    }
}
