using System.CommandLine;
using Detox.Mpi.Pages;
using Detox.Mpi.Reports;
using Spectre.Console;

namespace Detox.Mpi.Commands;

/// <summary>report: what a run or a sweep came to, as tables, pictures, and a page.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        Command command = new("report", "Make tables, pictures (PNG, SVG) and an HTML page of a run or of a sweep.");
        Argument<string> path = new("PATH") { Description = "the run's folder, the sweep's, or one that holds runs, which are compared by their names" };
        Option<string> to = new("--out") { Description = $"folder that receives {Report.PageFile}, the pictures, {Report.CsvFile} and {Report.MarkdownFile} (PATH/{RunFolder.Report})", HelpName = "FOLDER" };
        Option<double> accuracy = new("--accuracy") { Description = "of a sweep: what it takes to come so far, as a share", HelpName = "SHARE", DefaultValueFactory = _ => Report.UsualAccuracy };
        command.Add(path);
        command.Add(to);
        command.Add(accuracy);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(accuracy) is not (> 0 and <= 1) and var wrong) throw new DetoxException(ExitCode.Usage, $"--accuracy {wrong}: expected a share above 0, and 1 at most; 0.9 is 90 %.");
            return (int)Execute(parsed.GetValue(path)!, parsed.GetValue(to), parsed.GetValue(accuracy));
        });
        return command;
    }

    private static ExitCode Execute(string path, string? to, double accuracy)
    {
        const int redirectedWidth = 180;
        Report report = Read(path, accuracy);
        if (to is not null && Path.TrimEndingDirectorySeparator(Path.GetFullPath(to)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))
            throw new DetoxException(ExitCode.Usage, $"--out {to}: expected another folder than the one that is reported on, whose files would be changed; leave --out out for {Path.Combine(path, RunFolder.Report)}.");
        if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, redirectedWidth);
        Console.Out.WriteLine(report.Summary);
        foreach (Pages.Table table in report.Tables) table.Print();
        string folder = to ?? Path.Combine(path, RunFolder.Report);
        try
        {
            report.Write(folder);
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            throw new DetoxException(ExitCode.Usage, $"--out {folder}: the report cannot be written: {error.Message.TrimEnd('.')}; name another folder with --out.", error);
        }

        foreach (string warning in report.Warnings) DetoxCommand.Report($"warning: {warning}");
        Console.Out.WriteLine($"{Path.Combine(folder, Report.PageFile)}, {Report.CsvFile}, {Report.MarkdownFile}, and {report.Charts.Count} pictures as PNG and SVG");
        return ExitCode.Done;
    }

    private static Report Read(string path, double accuracy)
    {
        if (!Directory.Exists(path)) throw new DetoxException(ExitCode.Usage, $"{path}: expected the folder of a run or of a sweep, and there is no such folder; runs lie under their --out, which is runs/ unless told otherwise.");
        try
        {
            if (SweepReader.IsSweep(path)) return Report.Of(SweepReader.Read(path), accuracy);
            if (RunReader.IsRun(path)) return Report.Of(RunReader.Read(path));
            if (SweepReader.HoldsRuns(path)) return Report.Of(SweepReader.ReadRuns(path), accuracy);
        }
        catch (InvalidDataException error)
        {
            throw new DetoxException(ExitCode.Usage, $"{path}: expected files as a run or a sweep writes them, found: {error.Message}; 'detox verify {path}' names all that has changed in a run.", error);
        }

        string[] found = [.. Directory.EnumerateFileSystemEntries(path).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal)];
        const int few = 5;
        string what = found.Length == 0 ? "an empty folder" : $"{string.Join(", ", found.Take(few))}{(found.Length > few ? $" and {found.Length - few} more" : "")}";
        throw new DetoxException(ExitCode.Usage, $"{path}: expected a run's folder, with {RunFolder.Config}, or a sweep's, with {SweepReader.FileName}, found {what}; name the folder of one run.");
    }
}
