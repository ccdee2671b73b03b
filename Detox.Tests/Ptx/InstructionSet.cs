using System.Numerics;
using System.Text.RegularExpressions;

namespace Detox.Tests.Ptx;

/// <summary>The opcodes that the machine knows, each with all of its modifiers, and those that it refuses.</summary>
/// <remarks>A register holds 64 bits, of which those beyond its type are zero. What instructions do is said in NVIDIA's "Parallel Thread
/// Execution ISA" (ISA below), chapter "Instruction Set".</remarks>
internal static partial class InstructionSet
{
    private static readonly Dictionary<string, Form> _forms = [];

    private static readonly (string Pattern, string Reason)[] _refused =
    [
        (@"\.ftz", "it takes subnormal numbers for zero, which changes bits"),
        (@"\.approx|^(ex2|lg2|sin|cos|tanh|rsqrt)\b", "its result is only near, and differs between GPUs"),
        (@"^div\.full", "its quotient is not correctly rounded"),
        (@"^mul\.f(32|64)$", "without .rn an assembler may fuse the product with a sum"),
        (@"^mad(\.r[nzmp])?\.f(32|64)", "a fused product is written fma.rn"),
        (@"^(atom|red)\.", "threads change one word in an order that nobody knows"),
        (@"^(ld|st)\.((v2|v4)\.)?[busf](8|16|32|64)$", "a generic address: to which memory it leads must be in the instruction"),
        (@"^call", "a call: ILGPU inlines what kernels call"),
    ];

    static InstructionSet()
    {
        AddArithmetic();
        AddBits();
        AddFloats();
        AddConversions();
        AddChoices();
        AddMemory();
        AddWarps();
        Add("bra", "label", None, Flow.Branch);
        _forms.Add("bra.uni", new Form("label", None, Flow.Branch, IsUniform: true));
        Add("ret", string.Empty, None, Flow.Return);
        Add("exit", string.Empty, None, Flow.Return);
        Add("bar.sync", "number", None, Flow.Barrier);
    }

    public static int Count => _forms.Count;

    /// <exception cref="NotSupportedException">The opcode is not known, or refused; the message says why.</exception>
    public static Form Find(string opcode)
    {
        if (_forms.TryGetValue(opcode, out Form? form)) return form;
        string? reason = _refused.FirstOrDefault(refused => Regex.IsMatch(opcode, refused.Pattern)).Reason;
        throw new NotSupportedException(reason is null ? $"'{opcode}' is not known here" : $"'{opcode}' is refused: {reason}");
    }

    private static void Add(string opcode, string signature, Operation run, Flow flow = Flow.Next) => _forms.Add(opcode, new Form(signature, run, flow));

    private static void Add(string opcode, string signature, Func<ulong, ulong> of) => Add(opcode, signature, Mapped(signature, of));

    private static Operation Mapped(string signature, Func<ulong, ulong> of)
    {
        ulong mask = ResultMask(signature);
        return (warp, instruction, active) =>
        {
            ReadOnlySpan<ulong> a = warp.Read(instruction.Second, active);
            Span<ulong> to = warp.Write(instruction.First, active);
            for (uint left = active; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                to[lane] = of(a[lane]) & mask;
            }
        };
    }

    private static void Add(string opcode, string signature, Func<ulong, ulong, ulong> of) => Add(opcode, signature, Mapped(signature, of));

    private static Operation Mapped(string signature, Func<ulong, ulong, ulong> of)
    {
        ulong mask = ResultMask(signature);
        return (warp, instruction, active) =>
        {
            ReadOnlySpan<ulong> a = warp.Read(instruction.Second, active), b = warp.Read(instruction.Third, active);
            Span<ulong> to = warp.Write(instruction.First, active);
            for (uint left = active; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                to[lane] = of(a[lane], b[lane]) & mask;
            }
        };
    }

    private static void Add(string opcode, string signature, Func<ulong, ulong, ulong, ulong> of) => Add(opcode, signature, Mapped(signature, of));

    private static Operation Mapped(string signature, Func<ulong, ulong, ulong, ulong> of)
    {
        ulong mask = ResultMask(signature);
        return (warp, instruction, active) =>
        {
            ReadOnlySpan<ulong> a = warp.Read(instruction.Second, active), b = warp.Read(instruction.Third, active), c = warp.Read(instruction.Fourth, active);
            Span<ulong> to = warp.Write(instruction.First, active);
            for (uint left = active; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                to[lane] = of(a[lane], b[lane], c[lane]) & mask;
            }
        };
    }

    private static ulong ResultMask(string signature) => PtxType.Parse(signature.Split(' ')[0].TrimStart('=', '~')).Mask;

    private static long Signed(ulong value, int bits) => (long)(value << (64 - bits)) >> (64 - bits);

    private static void None(Warp warp, Instruction instruction, uint active)
    {
    }
}
