namespace Detox.Tests.Ptx;

/// <summary>Runs an instruction for the active lanes of a warp.</summary>
internal delegate void Operation(Warp warp, Instruction instruction, uint active);

/// <summary>How an instruction chooses the next one.</summary>
internal enum Flow
{
    Next,
    Branch,
    Return,
    Barrier,
}

/// <summary>What an opcode with its modifiers does, and what operands it has.</summary>
/// <param name="Signature">The operands, divided by blanks. A type reads a register, a constant or an address; <c>=</c> before it writes a
/// register, <c>~</c> lets the register be wider; <c>4*</c> is a vector, <c>|pred</c> a second result that may be left out; <c>!pred</c>
/// a predicate that may be negated; <c>[global]</c> an address in that memory; <c>label</c> and <c>number</c> are themselves.</param>
internal sealed record Form(string Signature, Operation Run, Flow Flow = Flow.Next, bool IsUniform = false);

/// <summary>An instruction, decoded: its operands are rows of the warp's registers.</summary>
internal sealed class Instruction
{
    public required int Line { get; init; }

    public required string Text { get; init; }

    /// <summary>With its modifiers.</summary>
    public required string Opcode { get; init; }

    public required Form Form { get; init; }

    public required Operation Run { get; init; }

    /// <summary>The predicate under which it runs, or -1.</summary>
    public int Guard { get; init; } = -1;

    public bool IsGuardNegated { get; init; }

    /// <summary>The rows of its operands, in their order; a predicate's number for a predicate.</summary>
    public int First { get; set; }

    public int Second { get; set; }

    public int Third { get; set; }

    public int Fourth { get; set; }

    public int Fifth { get; set; }

    /// <summary>The rows of what is loaded or stored.</summary>
    public int[] Vector { get; set; } = [];

    public long Offset { get; set; }

    /// <summary>The predicate that takes a second result, or -1.</summary>
    public int SecondResult { get; set; } = -1;

    /// <summary>Whether the one predicate among the operands is negated.</summary>
    public bool IsNegated { get; set; }

    /// <summary>The bits of the register that is written.</summary>
    public int RegisterBits { get; set; }

    public int Target { get; set; } = -1;

    /// <summary>Where lanes meet again that took different ways: see <see cref="Meeting"/>.</summary>
    public long TargetRank { get; set; }

    /// <summary>The same for the way to the next instruction.</summary>
    public long NextRank { get; set; }

    /// <summary>Whether a branch leads here, or ends just before.</summary>
    public bool IsBlockStart { get; set; }

    public void SetOperand(int index, int row)
    {
        switch (index)
        {
            case 0: First = row; break;
            case 1: Second = row; break;
            case 2: Third = row; break;
            case 3: Fourth = row; break;
            default: Fifth = row; break;
        }
    }
}
