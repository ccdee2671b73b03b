using System.Numerics;
using System.Runtime.CompilerServices;

namespace Detox.Tests.Ptx;

/// <summary>Loads and stores: ISA, "ld" and "st". A vector is one access, aligned to all of it.</summary>
internal static partial class InstructionSet
{
    private static void AddMemory()
    {
        foreach ((string name, Func<Spaces, Space> space) in (ReadOnlySpan<(string, Func<Spaces, Space>)>)
            [("global", spaces => spaces.Global), ("shared", spaces => spaces.Shared), ("local", spaces => spaces.Local), ("param", spaces => spaces.Parameters)])
        {
            foreach (string type in (string[])["b8", "u8", "s8", "b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"])
            {
                PtxType unit = PtxType.Parse(type);
                foreach (int count in (int[])[1, 2, 4])
                {
                    if (count * unit.Bytes > 16) continue;
                    string vector = count == 1 ? string.Empty : $".v{count}", slot = count == 1 ? $"~{type}" : $"{count}*~{type}";
                    Add($"ld.{name}{vector}.{type}", $"={slot} [{name}]", (warp, instruction, active) => Load(warp, instruction, active, space(warp.Spaces), unit));
                    if (name != "param") Add($"st.{name}{vector}.{type}", $"[{name}] {slot}", (warp, instruction, active) => Store(warp, instruction, active, space(warp.Spaces), unit));
                }
            }
        }
    }

    private static void Load(Warp warp, Instruction instruction, uint active, Space space, PtxType unit)
    {
        ReadOnlySpan<ulong> addresses = warp.Read(instruction.Second, active);
        int[] vector = instruction.Vector;
        Span<ulong> values = stackalloc ulong[Warp.Lanes * 4];
        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            ref byte at = ref space.At(warp, lane, addresses[lane] + (ulong)instruction.Offset, unit.Bytes * vector.Length, false);
            for (int k = 0; k < vector.Length; k++) values[(k * Warp.Lanes) + lane] = Extended(Value(ref Unsafe.Add(ref at, k * unit.Bytes), unit.Bytes), unit, instruction.RegisterBits);
        }

        // Only now, since the addresses may lie in a register that is written.
        for (int k = 0; k < vector.Length; k++)
        {
            Span<ulong> to = warp.Write(vector[k], active);
            for (uint left = active; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                to[lane] = values[(k * Warp.Lanes) + lane];
            }
        }
    }

    private static void Store(Warp warp, Instruction instruction, uint active, Space space, PtxType unit)
    {
        ReadOnlySpan<ulong> addresses = warp.Read(instruction.First, active);
        int[] vector = instruction.Vector;
        foreach (int row in vector) warp.Read(row, active);
        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            ref byte at = ref space.At(warp, lane, addresses[lane] + (ulong)instruction.Offset, unit.Bytes * vector.Length, true);
            for (int k = 0; k < vector.Length; k++) SetValue(ref Unsafe.Add(ref at, k * unit.Bytes), unit.Bytes, warp.Read(vector[k], active)[lane]);
        }
    }

    private static ulong Value(ref byte at, int bytes) => bytes switch
    {
        1 => at,
        2 => Unsafe.ReadUnaligned<ushort>(ref at),
        4 => Unsafe.ReadUnaligned<uint>(ref at),
        _ => Unsafe.ReadUnaligned<ulong>(ref at),
    };

    private static void SetValue(ref byte at, int bytes, ulong value)
    {
        switch (bytes)
        {
            case 1: at = (byte)value; break;
            case 2: Unsafe.WriteUnaligned(ref at, (ushort)value); break;
            case 4: Unsafe.WriteUnaligned(ref at, (uint)value); break;
            default: Unsafe.WriteUnaligned(ref at, value); break;
        }
    }
}
