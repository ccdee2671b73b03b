using System.Numerics;

namespace Detox.Tests.Ptx;

/// <summary>What threads of a warp tell each other: ISA, "shfl.sync", "vote.sync" and "bar.warp.sync".</summary>
/// <remarks>A mask names the lanes that take part. Here they must come to the instruction together, with one mask, each a member of it: PTX lets lanes
/// come one after another, but which do meet is then the GPU's choice.</remarks>
internal static partial class InstructionSet
{
    private static void AddWarps()
    {
        foreach (string mode in (string[])["up", "down", "bfly", "idx"])
            Add($"shfl.sync.{mode}.b32", "=b32|pred b32 u32 u32 u32", (warp, instruction, active) => Shuffle(warp, instruction, active, mode));
        Add("vote.sync.ballot.b32", "=b32 !pred u32", (warp, instruction, active) =>
        {
            uint holds = Votes(warp, instruction, active);
            Span<ulong> to = warp.Write(instruction.First, active);
            for (uint left = active; left != 0; left &= left - 1) to[BitOperations.TrailingZeroCount(left)] = holds;
        });
        AddVote("all", (holds, active) => holds == active);
        AddVote("any", (holds, _) => holds != 0);
        AddVote("uni", (holds, active) => holds == active || holds == 0);
        Add("bar.warp.sync", "u32", (warp, instruction, active) => CheckMembers(warp, active, warp.Read(instruction.First, active)));
    }

    private static void AddVote(string name, Func<uint, uint, bool> of) => Add($"vote.sync.{name}.pred", "=pred !pred u32",
        (warp, instruction, active) => warp.WritePredicate(instruction.First, active, of(Votes(warp, instruction, active), active) ? uint.MaxValue : 0));

    private static uint Votes(Warp warp, Instruction instruction, uint active)
    {
        CheckMembers(warp, active, warp.Read(instruction.Third, active));
        return warp.ReadPredicate(instruction.Second, active, instruction.IsNegated) & active;
    }

    // Lanes that have returned, or have no thread, may be named: nobody waits for them.
    private static void CheckMembers(Warp warp, uint active, ReadOnlySpan<ulong> masks)
    {
        uint mask = (uint)masks[BitOperations.TrailingZeroCount(active)];
        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            if (masks[lane] != mask) throw warp.FaultOf(lane, $"lanes of one warp give different masks: {masks[lane]:X8} and {mask:X8}");
        }

        if ((active & ~mask) != 0) throw warp.Fault(active & ~mask, $"the lane is not in the mask {mask:X8}");
        uint missing = mask & warp.Alive & ~active;
        if (missing != 0) throw warp.Fault(missing, $"the lane is in the mask {mask:X8} and is not there: lanes {active:X8} are");
    }

    private static void Shuffle(Warp warp, Instruction instruction, uint active, string mode)
    {
        ReadOnlySpan<ulong> a = warp.Read(instruction.Second, active), b = warp.Read(instruction.Third, active), c = warp.Read(instruction.Fourth, active);
        CheckMembers(warp, active, warp.Read(instruction.Fifth, active));
        Span<ulong> values = stackalloc ulong[Warp.Lanes];
        uint isInRange = 0;
        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            int distance = (int)b[lane] & 31, clamp = (int)c[lane] & 31, segment = (int)(c[lane] >> 8) & 31;
            int most = (lane & segment) | (clamp & ~segment), least = lane & segment;
            int from = mode switch { "up" => lane - distance, "down" => lane + distance, "bfly" => lane ^ distance, _ => least | (distance & ~segment) };
            bool isInside = mode == "up" ? from >= most : from <= most;
            if (!isInside) from = lane;
            if (isInside) isInRange |= 1u << lane;
            if ((active >> from & 1) == 0) throw warp.FaultOf(lane, $"it reads lane {from}, which takes no part");
            values[lane] = a[from];
        }

        Span<ulong> to = warp.Write(instruction.First, active);
        for (uint left = active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            to[lane] = values[lane];
        }

        if (instruction.SecondResult >= 0) warp.WritePredicate(instruction.SecondResult, active, isInRange);
    }
}
