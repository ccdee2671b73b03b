namespace Detox.Tests.Complexity;

/// <summary>A type as the repository's code declares it, its nested types included.</summary>
/// <param name="Name">With its namespace.</param>
/// <param name="Files">Where its parts stand, below the repository, with slashes.</param>
/// <param name="Lines">Of source, empty ones and comments included.</param>
/// <param name="ExecutableLines">Statements and expressions of its own that do something.</param>
/// <param name="CyclomaticComplexity">Of all its members.</param>
/// <param name="Uses">The repository's types that it names.</param>
internal sealed record SourceType(string Name, IReadOnlyList<string> Files, long Lines, long ExecutableLines, int CyclomaticComplexity, IReadOnlySet<string> Uses);
