using System.Text.RegularExpressions;

namespace Detox.Tests.Ptx;

internal readonly record struct Token(string Text, int Line)
{
    public bool IsName => char.IsLetter(Text[0]) || Text[0] is '%' or '$' or '_';

    public bool IsNumber => char.IsDigit(Text[0]);
}

/// <summary>The tokens of a text, one after another; an opcode with its modifiers is one token.</summary>
internal sealed partial class Lexer
{
    private readonly string[] _lines;
    private readonly List<Token> _tokens = [];
    private int _next;

    public Lexer(string text)
    {
        _lines = text.Split('\n');
        int line = 1;
        foreach (Match match in Pattern().Matches(text))
        {
            if (match.Groups["token"].Success) _tokens.Add(new Token(match.Value, line));
            if (match.Groups["other"].Success) throw new PtxSyntaxException(line, _lines[line - 1], $"'{match.Value}' has no place in PTX");
            line += match.Value.Count(character => character == '\n');
        }
    }

    public bool IsAtEnd => _next == _tokens.Count;

    public Token Next() => IsAtEnd ? throw new PtxSyntaxException(_lines.Length, _lines[^1], "the text ends too soon") : _tokens[_next++];

    public bool NextIs(string text) => !IsAtEnd && _tokens[_next].Text == text;

    public bool NextIsNumber => !IsAtEnd && _tokens[_next].IsNumber;

    public bool TryTake(string text)
    {
        if (!NextIs(text)) return false;
        _next++;
        return true;
    }

    public void Expect(string text)
    {
        Token token = Next();
        if (token.Text != text) throw Error(token, $"'{text}' was expected, '{token.Text}' found");
    }

    public Token Name()
    {
        Token token = Next();
        return token.IsName ? token : throw Error(token, $"a name was expected, '{token.Text}' found");
    }

    public int Integer()
    {
        Token token = Next();
        return int.TryParse(token.Text, out int value) ? value : throw Error(token, $"a number was expected, '{token.Text}' found");
    }

    public string Line(int line) => _lines[line - 1].Trim();

    public PtxSyntaxException Error(Token token, string reason) => new(token.Line, _lines[token.Line - 1], reason);

    [GeneratedRegex(@"\s+ | //[^\n]* | /\*.*?\*/ | (?<token> 0[fF][0-9a-fA-F]{8} | 0[dD][0-9a-fA-F]{16} | 0[xX][0-9a-fA-F]+U? | [0-9]+\.[0-9]+ | [0-9]+U? | [.%$\w][\w.$]* | [@!{}()\[\]<>,;:|+=-] ) | (?<other> .)",
        RegexOptions.IgnorePatternWhitespace | RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
