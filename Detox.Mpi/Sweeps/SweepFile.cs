using Detox.Mpi.Training;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Detox.Mpi.Sweeps;

/// <summary>Reads a sweep's file: TOML whose keys are train's options. A list makes a dimension, a table <c>[methods.NAME]</c> a method.</summary>
/// <remarks>Every problem of the file is said, not the first alone. A method's options win over those above all tables.</remarks>
internal sealed class SweepFile
{
    public const string Samples = "samples", Refused = "refused";

    private const string Methods = "methods";

    private static readonly (string Name, string Why)[] _ofTheSweep =
    [
        ("out", "a cell's folder lies in --out of the sweep"),
        ("name", "a cell is named by its values"),
        ("threads", "the sweep shares the cores among the cells (--at-once)"),
        ("max-hours", "a signal stops a sweep, and all cells with it"),
    ];

    private readonly Problems _problems;
    private readonly List<Setting> _settings = [];
    private readonly List<Dimension> _dimensions = [];
    private readonly List<Method> _methods = [];
    private SampleRule _rule;
    private bool _leavesOutRefused;

    private SweepFile(Problems problems) => _problems = problems;

    /// <summary>The grid of a file; a <see cref="DetoxException"/> with all that is wrong with it.</summary>
    public static SweepGrid Read(string path)
    {
        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DetoxException(ExitCode.Usage, $"{path}: the file cannot be read: {error.Message}", error);
        }
    }

    /// <param name="path">For errors.</param>
    public static SweepGrid Parse(string text, string path)
    {
        Problems problems = new(path);
        DocumentSyntax document = SyntaxParser.Parse(text, path, validate: false);
        foreach (DiagnosticMessage diagnostic in document.Diagnostics) problems.Add(diagnostic.Span.Start.Line + 1, diagnostic.Message);
        problems.ThrowIfAny();
        SweepFile file = new(problems);
        file.ReadTop(document);
        foreach (TableSyntaxBase table in document.Tables) file.ReadTable(table);
        file.CheckTogether();
        problems.ThrowIfAny();
        if (file._methods.Count == 0) file._methods.Add(new Method(Method.Default, [], 1));
        SweepGrid grid = new(path, file._rule, file._settings, file._dimensions, file._methods) { LeavesOutRefused = file._leavesOutRefused };
        if (grid.Count > SweepGrid.MostCells) problems.Add(1, $"the lists make {grid.Count:N0} cells, and a sweep has {SweepGrid.MostCells:N0} at most; cut it in several files.");
        problems.ThrowIfAny();
        return grid;
    }

    private void ReadTop(DocumentSyntax document)
    {
        HashSet<string> keys = [];
        foreach (KeyValueSyntax pair in document.KeyValues)
        {
            string key = Key(pair);
            int line = Line(pair);
            if (!keys.Add(key)) _problems.Add(line, $"'{key}' is there twice.");
            else if (key == Samples) ReadSamples(pair, line);
            else if (key == Refused) ReadRefused(pair, line);
            else if (Find(key, line) is not { } option) continue;
            else if (pair.Value is ArraySyntax list) ReadList(option, list, line);
            else if (ReadValue(option, pair.Value!, line) is { } setting) _settings.Add(setting);
        }
    }

    private void ReadSamples(KeyValueSyntax pair, int line)
    {
        switch (ConfigFile.Text(pair.Value!))
        {
            case "per-rank": _rule = SampleRule.PerRank; break;
            case "per-step": _rule = SampleRule.PerStep; break;
            default: _problems.Add(line, $"{Samples}: expected \"per-rank\" or \"per-step\", found {pair.Value!.ToString().Trim()}."); break;
        }
    }

    private void ReadRefused(KeyValueSyntax pair, int line)
    {
        switch (ConfigFile.Text(pair.Value!))
        {
            case "error": _leavesOutRefused = false; break;
            case "leave-out": _leavesOutRefused = true; break;
            default: _problems.Add(line, $"{Refused}: expected \"error\" or \"leave-out\", found {pair.Value!.ToString().Trim()}."); break;
        }
    }

    private void ReadList(TrainOption option, ArraySyntax list, int line)
    {
        List<string> texts = [];
        foreach (ArrayItemSyntax item in list.Items)
        {
            if (ReadValue(option, item.Value!, Line(item)) is not { } setting) continue;
            string text = option.Text(option.Apply(new TrainOptions(), setting.Text));
            if (texts.Contains(text)) _problems.Add(setting.Line, $"{option.Name}: {text} is in the list twice.");
            else texts.Add(text);
        }

        if (!list.Items.Any()) _problems.Add(line, $"{option.Name}: the list is empty, so there would be no cell; give it a value, or leave the key out.");
        _dimensions.Add(new Dimension(option, texts, line));
    }

    private void ReadTable(TableSyntaxBase table)
    {
        int line = Line(table);
        string[] parts = [.. Parts(table.Name!)];
        if (table is not TableSyntax || parts is not [Methods, { Length: > 0 } name])
        {
            _problems.Add(line, $"expected a table [{Methods}.NAME], found {table.OpenBracket}{table.Name}{table.CloseBracket}.");
            return;
        }

        if (_methods.Find(method => method.Name == name) is { } first) _problems.Add(line, $"the method '{name}' is there twice; the first stands in line {first.Line}.");
        List<Setting> settings = [];
        foreach (KeyValueSyntax pair in table.Items)
        {
            string key = Key(pair);
            int at = Line(pair);
            if (settings.Exists(setting => setting.Option.Name == key)) _problems.Add(at, $"'{key}' is there twice.");
            else if (key is Samples or Refused) _problems.Add(at, $"{key}: all methods of a sweep have the same; put it above all tables.");
            else if (Find(key, at) is { } option && ReadValue(option, pair.Value!, at) is { } setting) settings.Add(setting);
        }

        _methods.Add(new Method(name, settings, line));
    }

    /// <summary>What is wrong with a method only beside the rest of the file.</summary>
    private void CheckTogether()
    {
        foreach (Setting setting in _methods.SelectMany(method => method.Settings))
        {
            string name = setting.Option.Name;
            if (_dimensions.Find(dimension => dimension.Option.Name == name) is { } dimension)
                _problems.Add(setting.Line, $"{name}: it has a list in line {dimension.Line}, of which the method would take no value; name it in one of the two places.");
            if (_rule == SampleRule.PerStep && (name is "batch" or "ranks"))
                _problems.Add(setting.Line, $"{name}: with {Samples} = \"per-step\" all methods have the same; put it above all tables.");
        }
    }

    private TrainOption? Find(string key, int line)
    {
        if (Array.Find(_ofTheSweep, own => own.Name == key) is { Why: { } why })
        {
            _problems.Add(line, $"'{key}' is no key of a sweep: {why}.");
            return null;
        }

        TrainOption? option = TrainOption.All.FirstOrDefault(option => option.Name == key);
        if (option is null)
        {
            IEnumerable<string> names = TrainOption.All.Select(option => option.Name).Where(name => !_ofTheSweep.Any(own => own.Name == name));
            _problems.Add(line, $"there is no key '{key}'; there are {Samples}, {Refused}, {string.Join(", ", names)}, and tables [{Methods}.NAME].");
        }

        return option;
    }

    /// <summary>Null where it is no value of the option, which is noted.</summary>
    private Setting? ReadValue(TrainOption option, ValueSyntax value, int line)
    {
        if (ConfigFile.Text(value) is not { } text)
        {
            _problems.Add(line, $"{option.Name}: expected one value, found a list or a table; lists stand above all tables, and hold plain values.");
            return null;
        }

        try
        {
            option.Apply(new TrainOptions(), text);
            return new Setting(option, text, line);
        }
        catch (FormatException error)
        {
            _problems.Add(line, $"{option.Name}: expected {error.Message}, found '{text}'.");
            return null;
        }
    }

    private static IEnumerable<string> Parts(KeySyntax key)
    {
        yield return Text(key.Key!);
        foreach (DottedKeyItemSyntax part in key.DotKeys) yield return Text(part.Key!);
    }

    private static string Text(BareKeyOrStringValueSyntax key) => key switch
    {
        BareKeySyntax bare => bare.Key!.Text ?? "",
        StringValueSyntax quoted => quoted.Value ?? "",
        _ => "",
    };

    private static string Key(KeyValueSyntax pair) => string.Join('.', Parts(pair.Key!));

    private static int Line(SyntaxNode node) => node.Span.Start.Line + 1;
}
