namespace Detox.Mpi.Reports;

/// <summary>Standard output, or the file in its place, as a report uses it: that nobody can read it is no reason to end a training.</summary>
/// <remarks>The runtime itself passes over a pipe whose reader has gone. A full disk under a redirected output and a terminal that hung up
/// are exceptions, and a loss like that of any other report; later lines are tried again, since people notice a hole.</remarks>
/// <param name="log">Takes the lines and the warnings; null: the console.</param>
internal sealed class ConsoleLines(Losses losses, TextWriter? log = null)
{
    public void Line(string text = "") => Text(text + Environment.NewLine);

    public void Text(string text)
    {
        try
        {
            (log ?? Console.Out).Write(text);
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            losses.Add("standard output", error, "lines are missing from it");
        }
    }

    /// <summary>A line on standard error, or in the log. Where that fails too there is nobody left to tell.</summary>
    public static void Warn(string message, TextWriter? log = null)
    {
        try
        {
            (log ?? Console.Error).WriteLine($"detox: {message}");
        }
        catch (Exception error) when (Losses.Covers(error))
        {
        }
    }
}
