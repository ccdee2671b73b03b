using System.Globalization;
using Detox.Mpi.Groups;
using Detox.Mpi.Planning;
using Spectre.Console;

namespace Detox.Mpi.Commands;

/// <summary>Plans as people read them.</summary>
internal static class PlanTable
{
    private const int RedirectedWidth = 180;

    public static void Print(Scheme scheme, PlanSetting setting, IReadOnlyList<Plan> plans)
    {
        // A file and a log have room for whole lines.
        if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, RedirectedWidth);
        Workload work = setting.Workload;
        string model = work.Model is { } name ? $"{name}, " : "";
        Line($"gradients a step: {scheme.Ranks:N0}, of {model}{work.Parameters:N0} parameters, batch {setting.Batch}; groups: {scheme.Groups:N0} of r = {scheme.GroupSize}; placement: {setting.Placement}; fault rate: {Figure.Text(setting.FaultRate)}");
        Machine machine = setting.Machine;
        Line($"seconds by {machine.Source}: gradients {machine.Gradient / 1e9:F1} GFLOP/s, ballots {machine.Digest / 1e9:F2} GB/s, rules at most {machine.Arithmetic / 1e9:F0} Gop/s and {machine.Memory / 1e9:F1} GB/s; cores: {setting.Cores:N0}; nodes: {setting.Nodes:N0}; rank 0's link {setting.LinkBytes / 1e9:F2} GB/s");
        if (plans.Count == 1) PrintOne(plans[0], setting);
        else PrintMany(plans);
    }

    private static void PrintOne(Plan plan, PlanSetting setting)
    {
        Line("");
        Forecast asked = plan.Asked;
        int groups = asked.Scheme.Groups;
        CountLaw wrong = asked.Outcomes.Wrong, none = asked.Outcomes.Void;
        Line($"q = {plan.Byzantine}: {What(asked)} of {groups:N0}: {Law(wrong, plan.Worst)}");
        if (asked.Scheme.GroupSize > 1)
            Line($"void groups: colluders can void what they capture, so one with probability {Figure.Text(wrong.AtLeast(1))}; faults void one with probability {Figure.Text(none.AtLeast(1))}, {Figure.Text(none.Mean)} on average");
        AnsiConsole.Write(Costs(plan, setting));
        Line("wrong: vectors a step, on average; withstands: so many at most; broken: the probability of more; error: the least mean squared error that any rule can promise, of a");
        Line("batch's variance; void: the probability of a void group; rank 0 takes MB in and out, operations and memory for the rule; seconds are a floor");
        if (plan.Left.Count > 0) Line($"left out at r = 1: {string.Join("; ", plan.Left.Select(left => $"{left.Rule} ({left.Why})"))}");
        Line($"advice for q = {plan.Byzantine}: {plan.Advice.Text}");
    }

    private static void PrintMany(IReadOnlyList<Plan> plans)
    {
        Table table = New("q", "captured", "at least 1", "worst", "void", "broken", "error", "r = 1: broken", "error");
        foreach (Plan plan in plans)
        {
            Forecast asked = plan.Asked, plain = plan.Plain;
            table.AddRow(
                $"{plan.Byzantine:N0}", Figure.Text(asked.Outcomes.Wrong.Mean), Figure.Text(asked.Outcomes.Wrong.AtLeast(1)), $"{plan.Worst:N0}", Figure.Text(asked.Outcomes.Void.AtLeast(1)),
                Figure.Text(asked.Broken), Figure.Text(asked.Error), Figure.Text(plain.Broken), Figure.Text(plain.Error));
        }

        AnsiConsole.Write(table);
        foreach (Plan plan in plans) Line($"advice for q = {plan.Byzantine}: {plan.Advice.Text}");
    }

    private static Table Costs(Plan plan, PlanSetting setting)
    {
        Table table = New("scheme", "vectors", "samples", "variance", "wrong", "withstands", "broken", "error", "void", "MB in", "MB out", "rule Gop", "rule GB", "s a step");
        foreach (Forecast forecast in plan.All)
        {
            int groups = forecast.Scheme.Groups;
            table.AddRow(
                Markup.Escape(forecast.Scheme.Title(forecast.Told)) + (forecast.Refused is null ? "" : " (refused)"),
                $"{groups:N0}", $"{(long)groups * setting.Batch:N0}", $"{forecast.RelativeVariance:N0}",
                Figure.Text(forecast.Outcomes.Wrong.Mean), $"{forecast.Withstood:N0}", Figure.Text(forecast.Broken), Figure.Text(forecast.Error), Figure.Text(forecast.Outcomes.Void.AtLeast(1)),
                Figure.Text(forecast.Traffic.In / 1e6), Figure.Text(forecast.Traffic.Out / 1e6), Figure.Text(forecast.Work.Operations / 1e9), Figure.Text(forecast.Work.Bytes / 1e9),
                Figure.Text(forecast.Seconds.Total));
        }

        return table;
    }

    private static string What(Forecast asked) => asked.Scheme.GroupSize == 1 ? "wrong vectors" : "captured groups";

    /// <summary>The numbers that matter: all of a few, else the range of nearly all.</summary>
    private static string Law(CountLaw law, int worst)
    {
        const int few = 6;
        const double tail = 0.0005;
        string mean = $"mean {Figure.Text(law.Mean)}, worst {worst:N0}";
        int[] likely = [.. Enumerable.Range(law.First, law.Last - law.First + 1).Where(count => law[count] >= tail)];
        if (likely.Length <= few) return $"{string.Join(", ", likely.Select(count => $"{count:N0} with probability {law[count].ToString("F3", CultureInfo.InvariantCulture)}"))}; {mean}";
        int low = law.First, high = law.Last;
        while (law.AtLeast(low + 1) > 1 - tail) low++;
        while (law.AtLeast(high) < tail) high--;
        return $"{low:N0} to {high:N0} with probability {law.AtLeast(low) - law.AtLeast(high + 1):F3}; {mean}";
    }

    private static Table New(params ReadOnlySpan<string> columns)
    {
        Table table = new Table().Border(TableBorder.Simple);
        for (int i = 0; i < columns.Length; i++) table.AddColumn(i == 0 ? new TableColumn(columns[i]) : new TableColumn(columns[i]).RightAligned());
        return table;
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    private static void Line(string text) => Console.WriteLine(text);
}
