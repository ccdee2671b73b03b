namespace Detox.Mpi.Sweeps;

/// <summary>What is wrong with a sweep's file: all of it is said at once, in the order of the lines.</summary>
internal sealed class Problems(string path)
{
    private readonly List<(int Line, string Text)> _all = [];

    public bool Any => _all.Count > 0;

    /// <param name="line">From 1.</param>
    public void Add(int line, string text)
    {
        if (!_all.Contains((line, text))) _all.Add((line, text));
    }

    public void ThrowIfAny()
    {
        if (!Any) return;
        IEnumerable<string> lines = _all.OrderBy(problem => problem.Line).Select(problem => $"{path}, line {problem.Line}: {problem.Text}");
        throw new DetoxException(ExitCode.Usage, string.Join("\n       ", lines));
    }
}
