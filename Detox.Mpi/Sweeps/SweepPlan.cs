using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Mpi.Training;

namespace Detox.Mpi.Sweeps;

/// <summary>The cells of a grid, each of which can be run.</summary>
internal sealed class SweepPlan
{
    private const int MostOthersNamed = 3;

    private readonly SweepGrid _grid;
    private readonly DataShelf _data;
    private readonly Problems _problems;
    private readonly Dictionary<(int Line, string Text), List<GridPoint>> _refused = [];
    private readonly Dictionary<(string Model, string Data), string?> _models = [];
    private readonly Dictionary<string, string?> _devices = [];

    private SweepPlan(SweepGrid grid, DataShelf data) => (_grid, _data, _problems) = (grid, data, new Problems(grid.Path));

    /// <summary>All cells, in their order; a <see cref="DetoxException"/> that says of every one that cannot be run why not.</summary>
    /// <param name="out">The sweep's folder.</param>
    /// <param name="leftOut">Where the grid leaves out what cannot be run: receives for each reason how many cells have it. A method that is left with no cell is an error.</param>
    public static IReadOnlyList<SweepCell> Cells(SweepGrid grid, DataShelf data, string @out, List<string>? leftOut = null)
    {
        SweepPlan plan = new(grid, data);
        List<GridPoint> points = [.. grid.Points()];
        foreach (GridPoint point in points) plan.Check(point);
        if (grid.LeavesOutRefused) points = plan.WithoutRefused(points, leftOut ?? []);
        plan.SayRefused();
        plan._problems.ThrowIfAny();
        List<SweepCell> cells = [.. points.Select(point => SweepCell.Of(grid, point, data.Describe(point.Options), @out, SweepCell.Program))];
        if (cells.DistinctBy(cell => cell.Folder).Count() < cells.Count) throw new InvalidOperationException("Two cells have one folder.");
        return cells;
    }

    private void Check(GridPoint point)
    {
        IReadOnlyList<string> problems = point.Options.Validate();
        if (problems.Count == 0) problems = OfTheMachine(point.Options);
        foreach (string problem in problems)
        {
            string option = problem.StartsWith("--", StringComparison.Ordinal) ? problem[2..].Split(' ', ':')[0] : "";
            (int, string) place = (_grid.LineOf(point.Method, option), problem);
            if (!_refused.TryGetValue(place, out List<GridPoint>? points)) _refused[place] = points = [];
            points.Add(point);
        }
    }

    /// <summary>Whether data and device are there, and the model takes the data's images: each is looked at once.</summary>
    private IReadOnlyList<string> OfTheMachine(TrainOptions options)
    {
        if (!_models.TryGetValue((options.Model, options.Data), out string? model))
            _models[(options.Model, options.Data)] = model = ProblemOf(() => CheckModel(options));
        if (!_devices.TryGetValue(options.Device, out string? device))
            _devices[options.Device] = device = options.Device is "auto" or "cpu" ? null : ProblemOf(() => CheckDevices(options.Device));
        return [.. new[] { model, device }.OfType<string>()];
    }

    private void CheckModel(TrainOptions options)
    {
        using CpuDevice device = new(1);
        using IDisposable network = TrainRun.CreateNetwork(options with { Batch = 1 }, device, _data.Open(options), onlyEvaluates: true);
    }

    private static void CheckDevices(string text)
    {
        int count = text.Split(',').Length;
        for (int rank = 0; rank < count; rank++)
        {
            using Device device = DeviceChoice.Open(text, threads: 1, rank, localRank: 0);
        }
    }

    private static string? ProblemOf(Action check)
    {
        try
        {
            check();
            return null;
        }
        catch (DetoxException error)
        {
            return error.Message;
        }
    }

    /// <summary>What can be run. The problems that remain are those of methods of which nothing can.</summary>
    private List<GridPoint> WithoutRefused(List<GridPoint> points, List<string> leftOut)
    {
        HashSet<GridPoint> refused = [.. _refused.Values.SelectMany(those => those)];
        List<GridPoint> rest = [.. points.Where(point => !refused.Contains(point))];
        HashSet<Method> able = [.. rest.Select(point => point.Method)];
        foreach (((int, string Text) place, List<GridPoint> those) in _refused.ToArray())
        {
            List<GridPoint> few = [.. those.Where(point => able.Contains(point.Method))];
            if (few.Count > 0) leftOut.Add($"{few.Count} of {string.Join(", ", few.Select(point => $"'{point.Method.Name}'").Distinct())}: {place.Text}");
            those.RemoveAll(few.Contains);
            if (those.Count == 0) _refused.Remove(place);
        }

        return rest;
    }

    /// <summary>Each problem once, with the cells that have it.</summary>
    private void SayRefused()
    {
        foreach (((int line, string text), List<GridPoint> points) in _refused)
        {
            IEnumerable<string> named = points.Take(MostOthersNamed).Select(Describe);
            string more = points.Count > MostOthersNamed ? $" and {points.Count - MostOthersNamed} more" : "";
            _problems.Add(line, $"{text}\n         in {string.Join("; ", named)}{more}");
        }
    }

    private string Describe(GridPoint point)
        => string.Join(", ", [$"method '{point.Method.Name}'", .. point.Values.Select((value, i) => $"{_grid.Dimensions[i].Option.Name} {value}")]);
}
