using System.Runtime.InteropServices;

namespace Detox.Tests.Ptx;

/// <summary>A kernel of a few lines by hand. Its only parameter is a buffer of words; each thread finds its number in the group in %r0, the
/// buffer in %rd0 and its own word's address in %rd1.</summary>
internal static class TestKernel
{
    public static string Text(string body, string declarations = "") => $$"""
        .version 7.8
        .target sm_80
        .address_size 64
        .visible .entry test(.param .b64 words)
        {
            .reg .pred %p<8>;
            .reg .b16 %h<4>;
            .reg .b32 %r<16>;
            .reg .b64 %rd<16>;
            .reg .f32 %f<16>;
            .reg .f64 %fd<8>;
            {{declarations}}
            ld.param.b64 %rd0, [words];
            mov.u32 %r0, %tid.x;
            mul.wide.u32 %rd1, %r0, 4;
            add.u64 %rd1, %rd0, %rd1;
            {{body}}
            ret;
        }
        """;

    public static uint[] Run(string body, int threads = 32, int groups = 1, string declarations = "", PtxChecks? checks = null, uint[]? words = null)
        => Run(body, out _, threads, groups, declarations, checks, words);

    /// <summary>Runs it on a copy of the words, as many as there are threads where none are given, and returns them.</summary>
    public static unsafe uint[] Run(string body, out PtxCounts counts, int threads = 32, int groups = 1, string declarations = "", PtxChecks? checks = null, uint[]? words = null)
    {
        PtxKernel kernel = PtxModule.Parse(Text(body, declarations))["test"];
        uint[] result = words ?? new uint[threads * groups];
        uint* memory = (uint*)NativeMemory.AlignedAlloc((nuint)(result.Length * sizeof(uint)), 256);
        try
        {
            Span<uint> span = new(memory, result.Length);
            result.CopyTo(span);
            PtxMachine machine = new(new GlobalMemory(), checks);
            machine.Memory.Add((nint)memory, result.Length * sizeof(uint));
            counts = machine.Launch(kernel, new Triple(groups, 1, 1), new Triple(threads, 1, 1), BitConverter.GetBytes((long)memory));
            return span.ToArray();
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    /// <summary>What one instruction makes of its operands, all given by their bits; of a predicate 0 or 1.</summary>
    public static ulong Result(string opcode, params ulong[] operands)
    {
        string[] slots = InstructionSet.Find(opcode).Signature.Split(' ');
        List<string> lines = [], names = [];
        for (int i = 1; i < slots.Length; i++)
        {
            PtxType type = PtxType.Parse(slots[i].TrimStart('~', '!'));
            string name = $"%x{i}";
            names.Add(name);
            lines.Add($".reg .{(type.Bits == 8 ? "b16" : type)} {name};");
            if (type == PtxType.Predicate) lines.Add($"setp.ne.u32 {name}, {operands[i - 1]}, 0;");
            else lines.Add($"ld.global.b{type.Bits} {name}, [%rd0+{8 * i}];");
        }

        PtxType result = PtxType.Parse(slots[0].TrimStart('=', '~'));
        lines.Add($".reg .{(result.Bits == 8 ? "b16" : result)} %x0;");
        lines.Add($"{opcode} %x0, {string.Join(", ", names)};");
        if (result == PtxType.Predicate) lines.AddRange(["selp.u32 %r1, 1, 0, %x0;", "st.global.u32 [%rd0], %r1;"]);
        else lines.Add($"st.global.b{result.Bits} [%rd0], %x0;");
        uint[] words = new uint[2 * (slots.Length + 1)];
        for (int i = 0; i < operands.Length; i++) (words[2 * (i + 1)], words[(2 * (i + 1)) + 1]) = ((uint)operands[i], (uint)(operands[i] >> 32));
        uint[] found = Run(string.Join('\n', lines), threads: 1, words: words);
        return found[0] | ((ulong)found[1] << 32);
    }
}
