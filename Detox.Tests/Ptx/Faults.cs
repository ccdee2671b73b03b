namespace Detox.Tests.Ptx;

/// <summary>A text that the machine does not take for PTX, or takes for PTX that it does not run.</summary>
internal sealed class PtxSyntaxException(int line, string text, string reason) : Exception($"line {line} '{text.Trim()}': {reason}")
{
    public int Line => line;
}

/// <summary>A kernel did what a GPU answers with anything but an error.</summary>
internal sealed class PtxFault(string kernel, Instruction instruction, Triple group, Triple thread, string reason)
    : Exception($"{kernel}, line {instruction.Line} '{instruction.Text}', group {group}, thread {thread}: {reason}")
{
    public string Kernel => kernel;

    public int Line => instruction.Line;

    public Triple Group => group;

    public Triple Thread => thread;

    public string Reason => reason;
}

/// <summary>A place in a grid or a group, or its extent.</summary>
internal readonly record struct Triple(int X, int Y, int Z)
{
    public long Count => (long)X * Y * Z;

    /// <summary>The place with this number, x running fastest.</summary>
    public Triple At(long number) => new((int)(number % X), (int)(number / X % Y), (int)(number / X / Y));

    public override string ToString() => $"({X}, {Y}, {Z})";
}
