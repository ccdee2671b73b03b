using System.Text;

namespace Detox.Mpi.Pages;

/// <summary>The report on a run or on a sweep: tables, pictures, a page.</summary>
/// <param name="Tables">For the console.</param>
/// <param name="Raw">table.csv.</param>
/// <param name="Summary">What is said above all.</param>
/// <param name="Warnings">What a reader must not miss, a sentence each.</param>
internal sealed record Report(string Title, string Summary, IReadOnlyList<string> Warnings, IReadOnlyList<Table> Tables, IReadOnlyList<Table> Details, Table Raw, IReadOnlyList<Chart> Charts)
{
    public const string PageFile = "index.html", CsvFile = "table.csv", MarkdownFile = "table.md";

    public const double UsualAccuracy = 0.9;

    private const string NoFont = "This machine has no font, so the pictures are left out; install one (on Debian: apt-get install fonts-dejavu-core), and make the report again.";

    public static Report Of(RunFacts run)
    {
        List<string> warnings = [];
        if (run.End is null) warnings.Add($"The run has not come to its end: {run.Steps.Count:N0} of {run.Options.Steps:N0} steps are here.");
        if (run.IsDiverged) warnings.Add($"The training diverged in step {run.End!.DivergedAt:N0}.");
        string accuracy = run.Accuracy is { } share ? $"accuracy {Numbers.Percent(share)}, " : "";
        return New(
            $"Run {run.Name}", $"{run.Method}; {run.Options.Attack} by q = {run.Options.Byzantine} of {run.Options.Ranks} ranks: {accuracy}{run.State}. n = 1, seed {run.Options.Seed}.", warnings,
            [RunTables.Facts(run), .. RunTables.All(run)], [RunTables.Evaluations(run), RunTables.Options(run)],
            new Table("", RunTables.RawColumns, [RunTables.RawRow(run, run.Method, run.Name)]), () => RunCharts.Draw(run));
    }

    /// <param name="accuracy">Of the table that says what it took to come so far; 0 to 1.</param>
    public static Report Of(SweepFacts sweep, double accuracy = UsualAccuracy)
    {
        CellFacts[] missing = [.. sweep.Cells.Where(cell => !cell.HasEnded)];
        List<string> warnings = [];
        if (missing.Length > 0)
            warnings.Add($"{missing.Length:N0} of {sweep.Cells.Count:N0} cells stand in no mean: {missing.Count(cell => cell.Run is not null):N0} unfinished, {missing.Count(cell => cell.Run is null):N0} not there or broken.");
        int diverged = sweep.Ended.Count(cell => cell.Run!.IsDiverged);
        if (diverged > 0) warnings.Add($"{diverged:N0} of {sweep.Ended.Count:N0} runs diverged; they count with the accuracy at which they ended.");
        List<Table> tables =
        [
            SweepTables.WorstByCount(sweep), SweepTables.Worst(sweep), SweepTables.Costs(sweep), SweepTables.ToAccuracy(sweep, accuracy), SweepTables.Variance(sweep), SweepTables.Faults(sweep),
            SweepTables.Results(sweep),
        ];
        if (missing.Length > 0) tables.Insert(0, SweepTables.Missing(sweep));
        return New(
            $"Sweep {sweep.Name}", $"{sweep.Cells.Count:N0} runs of {sweep.Methods.Count:N0} methods, over {string.Join(", ", sweep.Dimensions)}; samples: {sweep.Samples}. {sweep.SeedsText()}.", warnings,
            [.. tables.Where(table => table.Rows.Count > 0)], [], SweepTables.Raw(sweep), () => SweepCharts.Draw(sweep));
    }

    /// <summary>Writes index.html, table.csv, table.md, each table that has a name as CSV and Markdown, and each picture as PNG and SVG.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (Chart chart in Charts) chart.Save(folder);
        foreach (Table table in Tables.Where(table => table.Name is not null))
        {
            File.WriteAllText(Path.Combine(folder, table.Name + ".csv"), table.Csv());
            File.WriteAllText(Path.Combine(folder, table.Name + ".md"), table.Markdown());
        }

        File.WriteAllText(Path.Combine(folder, CsvFile), Raw.Csv());
        File.WriteAllText(Path.Combine(folder, MarkdownFile), Markdown());
        File.WriteAllText(Path.Combine(folder, PageFile), Html());
    }

    public string Html()
    {
        Page page = new(Title);
        page.Text(Summary);
        foreach (string warning in Warnings) page.Warning(warning);
        page.Add(Tables[0]);
        if (Charts.Count > 0)
        {
            page.Heading("Pictures");
            page.Add(Charts);
        }

        page.Heading("Tables");
        foreach (Table table in Tables.Skip(1)) page.Add(table);
        foreach (Table table in Details.Where(table => table.Rows.Count > 0)) page.AddClosed(table);
        return page.ToString();
    }

    /// <summary>A part of a larger document: tables, and the pictures beside it.</summary>
    public string Markdown()
    {
        StringBuilder text = new($"{Summary}\n");
        foreach (string warning in Warnings) text.Append($"\n**{warning}**\n");
        foreach (Table table in Tables) text.Append($"\n{table.Title}:\n\n{table.Markdown()}");
        foreach (Chart chart in Charts) text.Append($"\n![{chart.Title}]({chart.Name}.png)\n\n{chart.Caption}\n");
        return text.ToString();
    }

    private static Report New(string title, string summary, List<string> warnings, IReadOnlyList<Table> tables, IReadOnlyList<Table> details, Table raw, Func<IReadOnlyList<Chart>> draw)
    {
        if (ChartStyle.Font is not null) return new Report(title, summary, warnings, tables, details, raw, draw());
        warnings.Add(NoFont);
        return new Report(title, summary, warnings, tables, details, raw, []);
    }
}
