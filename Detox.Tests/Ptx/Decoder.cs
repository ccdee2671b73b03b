using System.Globalization;

namespace Detox.Tests.Ptx;

/// <summary>Makes a kernel of its declarations and statements, and refuses what an assembler would.</summary>
internal sealed class Decoder(Lexer lexer, Token name)
{
    private static readonly string[] _specialNames =
        [.. from register in (string[])["%tid", "%ntid", "%ctaid", "%nctaid"] from axis in "xyz" select $"{register}.{axis}", "%laneid"];

    private readonly Dictionary<string, (PtxType Type, int Row)> _registers = [];
    private readonly Dictionary<string, int> _labels = [];
    private readonly Dictionary<ulong, int> _constants = [];
    private readonly Dictionary<string, int> _specialRegisters = [];
    private readonly List<Parameter> _parameters = [];
    private readonly List<Statement> _statements = [];
    private readonly Layout _shared = new(), _local = new();
    private int _rows, _predicates;

    public long MostThreads { get; set; } = 1024;

    public void AddParameter(Token parameter, int alignment, int bytes)
    {
        int end = _parameters.Count == 0 ? 0 : _parameters[^1].Offset + _parameters[^1].Bytes;
        _parameters.Add(new Parameter(parameter.Text, (end + alignment - 1) / alignment * alignment, bytes));
    }

    public void AddRegister(Token at, string register, PtxType type)
    {
        if (!_registers.TryAdd(register, (type, type == PtxType.Predicate ? _predicates++ : _rows++))) throw lexer.Error(at, $"'{register}' is declared twice");
    }

    public void AddArray(Token array, bool isShared, int alignment, int bytes) => (isShared ? _shared : _local).Add(array.Text, alignment, bytes);

    public void AddLabel(Token label)
    {
        if (!_labels.TryAdd(label.Text, _statements.Count)) throw lexer.Error(label, $"the label '{label.Text}' stands twice");
    }

    public void Add(Statement statement) => _statements.Add(statement);

    public PtxKernel Kernel()
    {
        if (_statements is not [.., { Guard: null, Opcode.Text: "ret" or "exit" or "bra" or "bra.uni" }]) throw lexer.Error(name, "the kernel runs on behind its last instruction");
        Instruction[] code = [.. _statements.Select(Instruction)];
        Meeting.Rank(code);
        return new PtxKernel
        {
            Name = name.Text,
            Parameters = _parameters,
            Code = code,
            Shared = _shared,
            Local = _local,
            Rows = _rows,
            Predicates = _predicates,
            Constants = [.. _constants.Select(constant => (constant.Value, constant.Key))],
            SpecialRegisters = [.. _specialRegisters.Select(register => (register.Value, register.Key))],
            MostThreads = MostThreads,
        };
    }

    private Instruction Instruction(Statement statement)
    {
        Token opcode = statement.Opcode;
        Form form;
        try
        {
            form = InstructionSet.Find(opcode.Text);
        }
        catch (NotSupportedException refusal)
        {
            throw lexer.Error(opcode, refusal.Message);
        }

        string[] slots = form.Signature.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (statement.Operands.Count != slots.Length) throw lexer.Error(opcode, $"{opcode.Text} has {slots.Length} operands, not {statement.Operands.Count}");
        Instruction instruction = new()
        {
            Line = opcode.Line,
            Text = lexer.Line(opcode.Line),
            Opcode = opcode.Text,
            Form = form,
            Run = form.Run,
            Guard = statement.Guard is null ? -1 : Predicate(opcode, statement.Guard),
            IsGuardNegated = statement.IsGuardNegated,
        };
        for (int i = 0; i < slots.Length; i++) Bind(instruction, opcode, i, slots[i], statement.Operands[i]);
        return instruction;
    }

    private void Bind(Instruction instruction, Token at, int index, string slot, Operand operand)
    {
        bool isWritten = slot.StartsWith('=');
        slot = slot.TrimStart('=');
        if (slot == "label")
        {
            if (!_labels.TryGetValue(operand.Text, out int target)) throw lexer.Error(at, $"there is no label '{operand.Text}'");
            if (target == _statements.Count) throw lexer.Error(at, $"no instruction stands behind the label '{operand.Text}'");
            instruction.Target = target;
        }
        else if (slot == "number")
        {
            Expect(at, operand, OperandKind.Number);
            instruction.SetOperand(index, (int)Number(at, operand.Text, new PtxType('u', 32)));
        }
        else if (slot.StartsWith('['))
        {
            Expect(at, operand, OperandKind.Address);
            instruction.Offset = operand.Offset;
            instruction.SetOperand(index, Address(at, operand.Text, slot.Trim('[', ']')));
        }
        else if (slot.Contains('*'))
        {
            Expect(at, operand, OperandKind.Vector);
            int count = slot[0] - '0';
            if (operand.Parts!.Count != count) throw lexer.Error(at, $"a vector of {count} was expected");
            instruction.Vector = [.. operand.Parts.Select(part => Part(at, part, slot[2..], instruction, isWritten))];
        }
        else if (slot.EndsWith("|pred", StringComparison.Ordinal))
        {
            if (operand.Kind == OperandKind.Pair) instruction.SecondResult = Predicate(at, operand.Parts![1]);
            instruction.SetOperand(index, Register(at, operand.Text, slot[..^5], instruction, isWritten));
        }
        else
        {
            int row = isWritten || operand.Kind == OperandKind.Name ? Register(at, operand.Text, slot.TrimStart('!'), instruction, isWritten) : Constant(at, operand, slot.TrimStart('~'));
            if (operand.IsNegated && slot != "!pred") throw lexer.Error(at, "only a predicate may be negated, and not here");
            if (operand.IsNegated) instruction.IsNegated = true;
            instruction.SetOperand(index, row);
            if (instruction.Vector.Length == 0) instruction.Vector = [row];
        }
    }

    // Of a vector: a register, or a constant where it is stored.
    private int Part(Token at, string text, string type, Instruction instruction, bool isWritten)
        => char.IsDigit(text[0]) && !isWritten ? Constant(at, new Operand(OperandKind.Number, text), type.TrimStart('~')) : Register(at, text, type, instruction, isWritten);

    private int Register(Token at, string text, string type, Instruction instruction, bool isWritten)
    {
        PtxType operand = PtxType.Parse(type.TrimStart('~'));
        if (_registers.TryGetValue(text, out (PtxType Type, int Row) register))
        {
            if (!register.Type.Suits(operand, type[0] == '~')) throw lexer.Error(at, $"{text} is a register of type {register.Type}, and the operand has type {operand}");
            if (isWritten) instruction.RegisterBits = register.Type.Bits;
            return register.Row;
        }

        if (isWritten) throw lexer.Error(at, $"'{text}' is no register");
        if (_specialNames.Contains(text) && operand.Bits == 32 && operand.Class != 'f') return Row(_specialRegisters, text);
        if (text == "WARP_SZ") return Row(_constants, (ulong)Warp.Lanes);
        if (operand.Bits == 64 && operand.Class != 'f' && (_shared.TryFind(text, out int start) || _local.TryFind(text, out start))) return Row(_constants, (ulong)start);
        throw lexer.Error(at, $"'{text}' is no register");
    }

    private int Predicate(Token at, string text)
    {
        if (_registers.TryGetValue(text, out (PtxType Type, int Row) register) && register.Type == PtxType.Predicate) return register.Row;
        throw lexer.Error(at, $"'{text}' is no predicate");
    }

    private int Address(Token at, string text, string space)
    {
        if (space == "param")
        {
            Parameter parameter = _parameters.FirstOrDefault(parameter => parameter.Name == text) ?? throw lexer.Error(at, $"'{text}' is no parameter");
            return Row(_constants, (ulong)parameter.Offset);
        }

        if (_registers.TryGetValue(text, out (PtxType Type, int Row) register) && register.Type.Suits(new PtxType('u', 64), false)) return register.Row;
        if ((space == "shared" ? _shared : space == "local" ? _local : new Layout()).TryFind(text, out int start)) return Row(_constants, (ulong)start);
        throw lexer.Error(at, $"'{text}' is no address");
    }

    private int Constant(Token at, Operand operand, string type)
    {
        Expect(at, operand, OperandKind.Number);
        return type == "pred" ? throw lexer.Error(at, $"'{operand.Text}' is no predicate") : Row(_constants, Number(at, operand.Text, PtxType.Parse(type)));
    }

    private int Row<T>(Dictionary<T, int> rows, T key)
        where T : notnull
    {
        if (!rows.TryGetValue(key, out int row)) rows.Add(key, row = _rows++);
        return row;
    }

    private void Expect(Token at, Operand operand, OperandKind kind)
    {
        if (operand.Kind != kind) throw lexer.Error(at, $"'{operand.Text}' stands where the operand is another kind of thing: {kind}".ToLowerInvariant());
    }

    private ulong Number(Token at, string text, PtxType type)
    {
        string prefix = text.Length > 2 ? text[..2].ToUpperInvariant() : string.Empty;
        if (type.Class == 'f' || prefix is "0F" or "0D")
        {
            if (prefix != (type.Bits == 32 ? "0F" : "0D")) throw lexer.Error(at, $"'{text}' is no constant of type {type} by its bits");
            return ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber);
        }

        bool isNegative = text[0] == '-';
        string digits = text.TrimStart('-').TrimEnd('U');
        bool isNumber = prefix == "0X"
            ? UInt128.TryParse(digits.AsSpan(2), NumberStyles.HexNumber, null, out UInt128 value)
            : UInt128.TryParse(digits, out value);
        UInt128 most = isNegative ? (UInt128)1 << (type.Bits - 1) : type.Mask;
        if (!isNumber || value > most) throw lexer.Error(at, $"'{text}' is no constant of type {type}");
        return (isNegative ? 0ul - (ulong)value : (ulong)value) & type.Mask;
    }
}
