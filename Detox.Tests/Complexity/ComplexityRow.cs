using System.Globalization;

namespace Detox.Tests.Complexity;

/// <summary>A method's row: how many types it needs, their lines, and the branches in them.</summary>
internal sealed record ComplexityRow(string Method, string Decisions, int Types, long Lines, long ExecutableLines, int Branches, int BranchesOfVote, int BranchesOfRule)
{
    public const string Header = "method,decisions,types,lines,executable_lines,cyclomatic_complexity,of_the_vote,of_the_rule";

    public static ComplexityRow Of(Method method, IReadOnlyList<SourceType> types)
    {
        SourceType[] Needed(IEnumerable<string> files) => [.. types.Where(type => Detox.Tests.Complexity.Method.IsIn(type.Files[0], files))];
        SourceType[] vote = Needed(method.Vote), rule = Needed(method.Rule), all = [.. vote.Union(rule)];
        return new ComplexityRow(
            method.Name, string.Join(' ', method.Decisions), all.Length, all.Sum(type => type.Lines), all.Sum(type => type.ExecutableLines),
            all.Sum(type => type.CyclomaticComplexity), vote.Sum(type => type.CyclomaticComplexity), rule.Sum(type => type.CyclomaticComplexity));
    }

    public static ComplexityRow Parse(string line)
    {
        string[] cells = line.Split(',');
        int Count(int cell) => int.Parse(cells[cell], CultureInfo.InvariantCulture);
        return new ComplexityRow(cells[0], cells[1], Count(2), Count(3), Count(4), Count(5), Count(6), Count(7));
    }

    public IEnumerable<long> Counts => [Types, Lines, ExecutableLines, Branches, BranchesOfVote, BranchesOfRule];

    public string Csv => $"{Method},{Decisions},{string.Join(',', Counts)}";
}
