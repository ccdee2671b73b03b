namespace Detox.Tests.Ptx;

internal enum OperandKind
{
    Name,
    Number,
    Address,
    Vector,

    /// <summary>Two results, a register and a predicate.</summary>
    Pair,
}

/// <summary>An operand as it is written.</summary>
internal sealed record Operand(OperandKind Kind, string Text, long Offset = 0, IReadOnlyList<string>? Parts = null, bool IsNegated = false);

/// <summary>An instruction as it is written; its guard is a predicate, or nothing.</summary>
internal sealed record Statement(Token Opcode, string? Guard, bool IsGuardNegated, IReadOnlyList<Operand> Operands);

/// <summary>Reads a text of PTX: ISA, "Syntax" and "Directives", as far as compilers write them for kernels.</summary>
internal sealed class Parser(string text)
{
    private readonly Lexer _lexer = new(text);

    public PtxModule Module()
    {
        List<PtxKernel> kernels = [];
        List<string> functions = [];
        while (!_lexer.IsAtEnd)
        {
            Token directive = _lexer.Next();
            switch (directive.Text)
            {
                case ".version" or ".target":
                    do _lexer.Next();
                    while (_lexer.TryTake(","));
                    break;
                case ".address_size":
                    int size = _lexer.Integer();
                    if (size != 64) throw _lexer.Error(directive, "addresses have 64 bits here");
                    break;
                case ".visible" or ".extern" or ".weak":
                    break;
                case ".entry":
                    kernels.Add(Kernel());
                    break;
                case ".func":
                    functions.Add(Function());
                    break;
                default:
                    throw _lexer.Error(directive, $"'{directive.Text}' is not known here");
            }
        }

        return new PtxModule(kernels, functions);
    }

    private PtxKernel Kernel()
    {
        Decoder decoder = new(_lexer, _lexer.Name());
        if (_lexer.TryTake("(") && !_lexer.TryTake(")"))
        {
            do Parameter(decoder);
            while (_lexer.TryTake(","));
            _lexer.Expect(")");
        }

        while (!_lexer.TryTake("{"))
        {
            Token directive = _lexer.Next();
            if (directive.Text is not (".maxntid" or ".reqntid" or ".minnctapersm")) throw _lexer.Error(directive, $"'{directive.Text}' is not known here");
            long product = 1;
            do product *= _lexer.Integer();
            while (_lexer.TryTake(","));
            if (directive.Text != ".minnctapersm") decoder.MostThreads = product;
        }

        while (!_lexer.TryTake("}")) BodyPart(decoder);
        return decoder.Kernel();
    }

    private string Function()
    {
        if (_lexer.TryTake("(")) SkipTo(")");
        string name = _lexer.Name().Text;
        if (_lexer.TryTake("(")) SkipTo(")");
        if (_lexer.TryTake(";")) return name;
        _lexer.Expect("{");
        for (int depth = 1; depth > 0;) depth += _lexer.Next().Text switch { "{" => 1, "}" => -1, _ => 0 };
        return name;
    }

    private void SkipTo(string text)
    {
        while (_lexer.Next().Text != text)
        {
        }
    }

    private void Parameter(Decoder decoder)
    {
        _lexer.Expect(".param");
        int alignment = _lexer.TryTake(".align") ? _lexer.Integer() : 1;
        PtxType type = Type();
        Token name = _lexer.Name();
        decoder.AddParameter(name, Math.Max(alignment, type.Bytes), type.Bytes * Length());
    }

    private void BodyPart(Decoder decoder)
    {
        Token first = _lexer.Next();
        if (first.Text == ".reg")
        {
            PtxType type = Type();
            do Registers(decoder, type);
            while (_lexer.TryTake(","));
            _lexer.Expect(";");
        }
        else if (first.Text is ".shared" or ".local")
        {
            int alignment = _lexer.TryTake(".align") ? _lexer.Integer() : 1;
            PtxType type = Type();
            Token name = _lexer.Name();
            decoder.AddArray(name, first.Text == ".shared", Math.Max(alignment, type.Bytes), type.Bytes * Length());
            _lexer.Expect(";");
        }
        else if (first.IsName && _lexer.TryTake(":"))
        {
            decoder.AddLabel(first);
        }
        else if (first.Text != ";")
        {
            decoder.Add(Statement(first));
        }
    }

    private void Registers(Decoder decoder, PtxType type)
    {
        Token name = _lexer.Name();
        if (!_lexer.TryTake("<"))
        {
            decoder.AddRegister(name, name.Text, type);
            return;
        }

        int count = _lexer.Integer();
        _lexer.Expect(">");
        for (int i = 0; i < count; i++) decoder.AddRegister(name, $"{name.Text}{i}", type);
    }

    private Statement Statement(Token first)
    {
        string? guard = null;
        bool isNegated = false;
        Token opcode = first;
        if (first.Text == "@")
        {
            isNegated = _lexer.TryTake("!");
            guard = _lexer.Name().Text;
            opcode = _lexer.Next();
        }

        if (!char.IsLetter(opcode.Text[0])) throw _lexer.Error(opcode, $"an instruction was expected, '{opcode.Text}' found");
        List<Operand> operands = [];
        if (!_lexer.TryTake(";"))
        {
            do operands.Add(Operand());
            while (_lexer.TryTake(","));
            _lexer.Expect(";");
        }

        return new Statement(opcode, guard, isNegated, operands);
    }

    private Operand Operand()
    {
        if (_lexer.TryTake("["))
        {
            Token start = _lexer.Next();
            long offset = _lexer.NextIs("]") ? 0 : Offset();
            _lexer.Expect("]");
            return new Operand(OperandKind.Address, start.Text, offset);
        }

        if (_lexer.TryTake("{"))
        {
            List<string> parts = [];
            do parts.Add(_lexer.NextIsNumber ? _lexer.Next().Text : _lexer.Name().Text);
            while (_lexer.TryTake(","));
            _lexer.Expect("}");
            return new Operand(OperandKind.Vector, string.Empty, 0, parts);
        }

        if (_lexer.TryTake("!")) return new Operand(OperandKind.Name, _lexer.Name().Text, IsNegated: true);
        if (_lexer.TryTake("-")) return new Operand(OperandKind.Number, $"-{_lexer.Next().Text}");
        Token token = _lexer.Next();
        if (token.IsNumber) return new Operand(OperandKind.Number, token.Text);
        if (!token.IsName) throw _lexer.Error(token, $"an operand was expected, '{token.Text}' found");
        if (_lexer.TryTake("|")) return new Operand(OperandKind.Pair, token.Text, 0, [token.Text, _lexer.Name().Text]);
        return new Operand(OperandKind.Name, token.Text, _lexer.NextIs("+") ? Offset() : 0);
    }

    // ILGPU writes "+8", others "+-8" too.
    private long Offset()
    {
        bool hasPlus = _lexer.TryTake("+"), hasMinus = _lexer.TryTake("-");
        Token token = _lexer.Next();
        if (!(hasPlus || hasMinus) || !long.TryParse(token.Text, out long value)) throw _lexer.Error(token, $"an offset was expected, '{token.Text}' found");
        return hasMinus ? -value : value;
    }

    private PtxType Type()
    {
        Token token = _lexer.Next();
        return token.Text[0] == '.' && PtxType.TryParse(token.Text[1..], out PtxType type) ? type : throw _lexer.Error(token, $"a type was expected, '{token.Text}' found");
    }

    private int Length()
    {
        if (!_lexer.TryTake("[")) return 1;
        int length = _lexer.Integer();
        _lexer.Expect("]");
        return length;
    }
}
