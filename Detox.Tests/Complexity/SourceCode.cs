using System.Collections.Immutable;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeMetrics;
using Microsoft.CodeAnalysis.CSharp;

namespace Detox.Tests.Complexity;

/// <summary>The metrics of the program's own types, by the library of Microsoft's Metrics.exe, which itself runs on Windows only.</summary>
/// <remarks>Cyclomatic complexity is 1 a method, and 1 more for each branch, loop, case, catch and short-circuit, as Microsoft.CodeAnalysis.CodeMetrics counts them.</remarks>
internal static class SourceCode
{
    private static readonly string[] _projects = ["Detox.Gpu", "Detox.Mpi"];

    // What ImplicitUsings stands for.
    private const string Usings = """
        global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq;
        global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;
        """;

    /// <summary>Every type of the two projects that the program consists of.</summary>
    /// <exception cref="InvalidOperationException">The code does not compile, so that its metrics would mean nothing.</exception>
    public static IReadOnlyList<SourceType> Types()
    {
        List<MetadataReference> references = [.. Assemblies().Select(path => MetadataReference.CreateFromFile(path))];
        List<CodeAnalysisMetricData> types = [];
        foreach (string project in _projects)
        {
            CSharpCompilation compilation = Compile(project, references);
            CodeAnalysisMetricData metrics = CodeAnalysisMetricData.ComputeAsync(compilation.Assembly, new CodeMetricsAnalysisContext(compilation, CancellationToken.None)).GetAwaiter().GetResult();
            types.AddRange(TypesIn(metrics));
            references.Add(compilation.ToMetadataReference());
        }

        return [.. types.GroupBy(type => Outermost((INamedTypeSymbol)type.Symbol), SymbolEqualityComparer.Default).Select(Join).OrderBy(type => type.Name, StringComparer.Ordinal)];
    }

    private static CSharpCompilation Compile(string project, IEnumerable<MetadataReference> references)
    {
        CSharpParseOptions options = new(LanguageVersion.Latest);
        string folder = Path.Combine(Repository.Path, project);
        var projectFile = XDocument.Load(Path.Combine(folder, $"{project}.csproj"));
        IEnumerable<string> friends = projectFile.Descendants("InternalsVisibleTo").Select(element => element.Attribute("Include")!.Value);
        if (project == _projects[0]) friends = friends.Append(_projects[1]);
        string attributes = string.Concat(friends.Select(friend => $"[assembly: System.Runtime.CompilerServices.InternalsVisibleTo(\"{friend}\")]"));
        IEnumerable<SyntaxTree> trees = Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Repository.Path, path).Replace('\\', '/'))
            .Where(path => path.Split('/')[1] is not ("bin" or "obj"))
            .Order(StringComparer.Ordinal)
            .Select(path => CSharpSyntaxTree.ParseText(File.ReadAllText(Path.Combine(Repository.Path, path)), options, path))
            .Append(CSharpSyntaxTree.ParseText(Usings + attributes, options));
        CSharpCompilationOptions output = new(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable);
        return CSharpCompilation.Create(project, trees, references, output);
    }

    /// <summary>The framework's assemblies and those of packages, as this process has them.</summary>
    private static IEnumerable<string> Assemblies()
        => ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Where(path => !_projects.Contains(Path.GetFileNameWithoutExtension(path)));

    private static IEnumerable<CodeAnalysisMetricData> TypesIn(CodeAnalysisMetricData metrics)
        => metrics.Symbol.Kind == SymbolKind.NamedType ? [metrics] : metrics.Children.SelectMany(TypesIn);

    private static SourceType Join(IGrouping<ISymbol?, CodeAnalysisMetricData> parts)
    {
        ISymbol outermost = parts.Key!;
        CodeAnalysisMetricData own = parts.First(part => SymbolEqualityComparer.Default.Equals(part.Symbol, outermost));
        IEnumerable<string> uses = parts.SelectMany(part => part.CoupledNamedTypes).Where(type => type.Locations.Any(location => location.IsInSource)).Select(type => Outermost(type).ToDisplayString());
        return new SourceType(
            outermost.ToDisplayString(), [.. outermost.Locations.Select(location => location.SourceTree!.FilePath).Distinct().Order(StringComparer.Ordinal)],
            own.SourceLines, parts.Sum(part => part.ExecutableLines), parts.Sum(part => part.CyclomaticComplexity), uses.ToImmutableSortedSet());
    }

    private static INamedTypeSymbol Outermost(INamedTypeSymbol type)
    {
        type = type.OriginalDefinition;
        while (type.ContainingType is { } outer) type = outer.OriginalDefinition;
        return type;
    }
}
