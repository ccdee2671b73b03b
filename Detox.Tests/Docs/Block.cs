namespace Detox.Tests.Docs;

/// <summary>What a block of a page says.</summary>
internal enum BlockKind
{
    /// <summary>Sentences; numbers with a unit are measured.</summary>
    Prose,

    /// <summary>Rows; a cell of nothing but numbers is measured, and so are numbers with a unit.</summary>
    Table,

    /// <summary>What a program has printed, and the commands before it.</summary>
    Output,

    /// <summary>Commands alone, a file in another language, or a list that another test holds to the program's.</summary>
    Other,
}

/// <summary>Lines of a page that belong together.</summary>
/// <param name="Line">The number of the first one, from 1.</param>
/// <param name="Sources">Files or folders below the repository in which its numbers are; none: all of docs/results.</param>
/// <param name="File">The file that it is a copy of; null: of none.</param>
internal sealed record Block(BlockKind Kind, int Line, IReadOnlyList<string> Lines, IReadOnlyList<string> Sources, string? File);
