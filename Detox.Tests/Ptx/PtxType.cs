namespace Detox.Tests.Ptx;

/// <summary>A fundamental type of PTX: its class, which is p(redicate), b(its), u(nsigned), s(igned) or f(loat), and its bits.</summary>
internal readonly record struct PtxType(char Class, int Bits)
{
    public static readonly PtxType Predicate = new('p', 1);

    public int Bytes => Bits / 8;

    public ulong Mask => Bits == 64 ? ulong.MaxValue : (1ul << Bits) - 1;

    public static PtxType Parse(string text) => TryParse(text, out PtxType type) ? type : throw new ArgumentException($"'{text}' is no type", nameof(text));

    public static bool TryParse(string text, out PtxType type)
    {
        type = Predicate;
        if (text == "pred") return true;
        if (text.Length < 2 || "busf".IndexOf(text[0]) < 0 || text[1..] is not ("8" or "16" or "32" or "64")) return false;
        type = new PtxType(text[0], int.Parse(text[1..]));
        return type.Class != 'f' || type.Bits >= 32;
    }

    /// <summary>Whether a register of this type may stand where an instruction has an operand of another: ISA, "Operand Type Checking".</summary>
    /// <param name="operand">The instruction's type.</param>
    /// <param name="mayBeWider">As for loads, stores and conversions: "Operand Size Exceeding Instruction-Type Size".</param>
    public bool Suits(PtxType operand, bool mayBeWider)
    {
        if (this == Predicate || operand == Predicate) return this == operand;
        bool suitsSize = Bits == operand.Bits || (mayBeWider && Bits > operand.Bits && Class != 'f' && operand.Class != 'f');
        return suitsSize && (Class == 'b' || operand.Class == 'b' || (Class == 'f') == (operand.Class == 'f'));
    }

    public override string ToString() => this == Predicate ? "pred" : $"{Class}{Bits}";
}
