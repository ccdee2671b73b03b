using System.Numerics;
using System.Runtime.CompilerServices;

namespace Detox.Tests.Ptx;

/// <summary>32 threads in step. Lanes that took different ways wait for each other where their ways meet.</summary>
internal sealed class Warp
{
    public const int Lanes = 32;

    private readonly PtxKernel _kernel;
    private readonly PtxChecks _checks;
    private readonly int _number;
    private readonly Triple _groupSize, _gridSize;
    private readonly ulong[] _values;
    private readonly uint[] _predicates, _written, _predicateWritten;

    // The ways that wait, the one that runs next at the end.
    private readonly List<(long Rank, int At, uint Lanes)> _waiting = [];
    private Instruction _current;
    private int _at;
    private uint _lanes;
    private Triple _group;

    public Warp(PtxKernel kernel, PtxChecks checks, Spaces spaces, int number, Triple groupSize, Triple gridSize)
    {
        (_kernel, _checks, _number, _groupSize, _gridSize) = (kernel, checks, number, groupSize, gridSize);
        Spaces = spaces;
        long threads = Math.Min(Lanes, groupSize.Count - ((long)number * Lanes));
        All = threads == Lanes ? uint.MaxValue : (1u << (int)threads) - 1;
        _values = new ulong[kernel.Rows * Lanes];
        _written = new uint[kernel.Rows];
        _predicates = new uint[kernel.Predicates];
        _predicateWritten = new uint[kernel.Predicates];
        _current = kernel.Code[0];
    }

    /// <summary>The lanes that have a thread.</summary>
    public uint All { get; }

    /// <summary>Those of them that have not returned.</summary>
    public uint Alive { get; private set; }

    public Spaces Spaces { get; }

    /// <summary>The barrier at which this warp waits.</summary>
    public Instruction Current => _current;

    public long Instructions { get; private set; }

    public long ThreadInstructions { get; private set; }

    /// <summary>The number of a lane's thread in its group, and in the launch.</summary>
    public int ThreadOf(int lane) => (_number * Lanes) + lane;

    public long ThreadOfLaunch(int lane) => (GroupNumber * _groupSize.Count) + ThreadOf(lane);

    public long GroupNumber { get; private set; }

    public void Begin(long group)
    {
        GroupNumber = group;
        _group = _gridSize.At(group);
        Alive = _lanes = All;
        _at = 0;
        _waiting.Clear();
        Array.Clear(_written);
        Array.Clear(_predicateWritten);
        foreach ((int row, ulong value) in _kernel.Constants)
        {
            _written[row] = All;
            _values.AsSpan(row * Lanes, Lanes).Fill(value);
        }

        foreach ((int row, string name) in _kernel.SpecialRegisters)
        {
            _written[row] = All;
            for (int lane = 0; lane < Lanes; lane++) _values[(row * Lanes) + lane] = (uint)SpecialRegister(name, lane);
        }
    }

    /// <summary>Runs to the next barrier, or to the end: then no lane is alive.</summary>
    public void Run()
    {
        Instruction[] code = _kernel.Code;
        while (Alive != 0)
        {
            if (_lanes == 0) TakeNextWay();
            Instruction instruction = _current = code[_at];
            uint active = instruction.Guard < 0 ? _lanes : _lanes & ReadPredicate(instruction.Guard, _lanes, instruction.IsGuardNegated);
            Count(active);
            switch (instruction.Form.Flow)
            {
                case Flow.Next:
                    if (active != 0) instruction.Run(this, instruction, active);
                    Advance(instruction);
                    break;
                case Flow.Branch:
                    Branch(instruction, active);
                    break;
                case Flow.Return:
                    Alive &= ~active;
                    _lanes &= ~active;
                    if (_lanes != 0) Advance(instruction);
                    break;
                default:
                    if (active == 0)
                    {
                        Advance(instruction);
                        break;
                    }

                    CheckBarrier(active);
                    Advance(instruction);
                    return;
            }
        }
    }

    public ReadOnlySpan<ulong> Read(int row, uint active)
    {
        uint missing = active & ~_written[row];
        if (missing != 0) throw Fault(missing, "a register is read that was never written");
        return _values.AsSpan(row * Lanes, Lanes);
    }

    public Span<ulong> Write(int row, uint active)
    {
        _written[row] |= active;
        return _values.AsSpan(row * Lanes, Lanes);
    }

    public uint ReadPredicate(int predicate, uint active, bool isNegated = false)
    {
        uint missing = active & ~_predicateWritten[predicate];
        if (missing != 0) throw Fault(missing, "a predicate is read that was never written");
        return isNegated ? ~_predicates[predicate] : _predicates[predicate];
    }

    public void WritePredicate(int predicate, uint active, uint value)
    {
        _predicateWritten[predicate] |= active;
        _predicates[predicate] = (_predicates[predicate] & ~active) | (value & active);
    }

    /// <summary>An error of the first of some lanes in the current instruction.</summary>
    public PtxFault Fault(uint lanes, string reason)
        => new(_kernel.Name, _current, _group, _groupSize.At(ThreadOf(BitOperations.TrailingZeroCount(lanes))), reason);

    public PtxFault FaultOf(int lane, string reason) => Fault(1u << lane, reason);

    private void Branch(Instruction instruction, uint taken)
    {
        uint notTaken = _lanes & ~taken;
        if (instruction.Form.IsUniform) CheckUniform(instruction, taken, notTaken);
        if (notTaken != 0) Wait(instruction.NextRank, _at + 1, notTaken);
        if (taken != 0) Wait(instruction.TargetRank, instruction.Target, taken);
        TakeNextWay();
    }

    // ISA, "bra": .uni promises that all active threads of a warp have the same predicate and target.
    private void CheckUniform(Instruction instruction, uint taken, uint notTaken)
    {
        if (_checks.UniformBranches == UniformBranches.Believed) return;
        if (taken != 0 && notTaken != 0) throw Fault(notTaken, $"threads of a warp disagree at a branch that is said to be uniform: lanes {taken:X8} branch, {notTaken:X8} do not");
        if (_checks.UniformBranches == UniformBranches.OfWholeWarps && instruction.Guard >= 0 && _lanes != Alive)
            throw Fault(_lanes, $"a warp that has diverged comes to a conditional branch that is said to be uniform: lanes {_lanes:X8} of {Alive:X8}");
    }

    // All of a warp's threads, and none that has returned: bar.sync waits for all threads of the group (ISA, "barrier").
    private void CheckBarrier(uint active)
    {
        if (Alive != All) throw Fault(All & ~Alive, "a barrier waits for a thread that has returned");
        if (active != All) throw Fault(All & ~active, "a barrier is reached by a warp that has diverged: this thread is not there");
    }

    private void Advance(Instruction instruction)
    {
        _at++;
        if (_waiting.Count == 0 || _lanes == 0 || !_kernel.Code[_at].IsBlockStart) return;
        Wait(instruction.NextRank, _at, _lanes);
        TakeNextWay();
    }

    private void Wait(long rank, int at, uint lanes)
    {
        int place = _waiting.Count;
        while (place > 0 && _waiting[place - 1].Rank < rank) place--;
        if (place > 0 && _waiting[place - 1].Rank == rank) _waiting[place - 1] = (rank, at, _waiting[place - 1].Lanes | lanes);
        else _waiting.Insert(place, (rank, at, lanes));
    }

    private void TakeNextWay()
    {
        (_, _at, _lanes) = _waiting[^1];
        _waiting.RemoveAt(_waiting.Count - 1);
    }

    private void Count(uint active)
    {
        Instructions++;
        ThreadInstructions += BitOperations.PopCount(active);
        if (Instructions > _checks.MostInstructionsOfAWarp) throw Fault(_lanes, $"the warp has run {_checks.MostInstructionsOfAWarp} instructions, and seems not to end");
    }

    private int SpecialRegister(string name, int lane)
    {
        Triple thread = _groupSize.At(ThreadOf(lane));
        Triple value = name.Split('.')[0] switch
        {
            "%tid" => thread,
            "%ntid" => _groupSize,
            "%ctaid" => _group,
            "%nctaid" => _gridSize,
            _ => new Triple(lane, 0, 0),
        };
        return name[^1] switch { 'y' => value.Y, 'z' => value.Z, _ => value.X };
    }
}
