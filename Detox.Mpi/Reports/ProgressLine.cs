using System.Globalization;
using System.Runtime.CompilerServices;
using Detox.Mpi.Training;
using Spectre.Console;

namespace Detox.Mpi.Reports;

/// <summary>On a terminal one line that is always now; in a batch log a line for each evaluation.</summary>
/// <remarks>Under a launcher it is always a log: Open MPI gives its ranks a terminal of their own, whatever becomes of their output.</remarks>
/// <param name="isAlone">Whether the console is this run's alone.</param>
internal sealed class ProgressLine(int steps, bool isAlone, ConsoleLines console)
{
    private const double RedrawSeconds = 0.1;
    private readonly bool _isLive = isAlone && !Console.IsOutputRedirected && IsTerminal();
    private long _drawn;
    private int _voids;
    private int _dissenters;
    private float _loss;
    private double _seconds;

    /// <summary>Whether the console can be drawn on.</summary>
    /// <remarks>Apart from what asks for it: a log needs no Spectre.Console, which would be loaded with it.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool IsTerminal() => AnsiConsole.Profile.Capabilities.Ansi && AnsiConsole.Profile.Out.IsTerminal;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Width() => AnsiConsole.Profile.Width;

    /// <summary>After each step.</summary>
    public void Show(StepRecord step, Score? score)
    {
        _voids += step.Voids.Count;
        _dissenters += step.Blames.Count;
        _seconds = step.MethodSeconds;
        if (step.Skipped is null) _loss = step.Loss;
        else if (!_isLive) console.Line($"step {step.Step} skipped: {step.Skipped}");
        if (!_isLive || System.Diagnostics.Stopwatch.GetElapsedTime(_drawn).TotalSeconds < RedrawSeconds) return;

        _drawn = System.Diagnostics.Stopwatch.GetTimestamp();
        string line = Line(step.Step + 1, score, _seconds);
        int width = Math.Max(20, Width() - 1);
        console.Text($"\r{(line.Length > width ? line[..width] : line)}\e[K");
    }

    /// <summary>After each evaluation.</summary>
    public void Show(long step, Score score, RunSummary summary)
    {
        string line = Line(step, score, summary.MedianStepSeconds);
        console.Line(_isLive ? $"\r{line}\e[K" : line);
    }

    /// <summary>Clears the line for what is to stand there.</summary>
    public void End()
    {
        if (_isLive) console.Text("\r\e[K");
    }

    private string Line(long step, Score? score, double seconds)
    {
        string accuracy = score is { } known ? known.Accuracy.ToString("P2", CultureInfo.InvariantCulture) : "-";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"step {step}/{steps}  loss {_loss:F4}  accuracy {accuracy}  {seconds:F3} s a step  {Left((steps - step) * seconds)} left  void groups {_voids}  dissenters {_dissenters}");
    }

    /// <summary>"42 s", "3 min", "2 h 5 min".</summary>
    internal static string Left(double seconds)
    {
        const int minute = 60, hour = 3600;
        TimeSpan left = TimeSpan.FromSeconds(Math.Max(0, seconds));
        return seconds < 2 * minute ? string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, seconds):F0} s")
            : seconds < hour ? string.Create(CultureInfo.InvariantCulture, $"{left.TotalMinutes:F0} min")
            : string.Create(CultureInfo.InvariantCulture, $"{(int)left.TotalHours} h {left.Minutes} min");
    }
}
