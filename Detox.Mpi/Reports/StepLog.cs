using Detox.Mpi.Training;

namespace Detox.Mpi.Reports;

/// <summary>A step as a line of steps.jsonl has it.</summary>
/// <param name="Record">All but the faults.</param>
/// <param name="Blame">The digest of blame.csv behind it.</param>
internal readonly record struct LoggedStep(StepRecord Record, string Blame);

/// <summary>steps.jsonl of a run's folder, read line by line, each held to the chain.</summary>
internal static class StepLog
{
    /// <exception cref="InvalidDataException">A line is not as it was written, or a file is missing: the message names it.</exception>
    public static IEnumerable<LoggedStep> Read(string folder)
    {
        string config = Path.Combine(folder, RunFolder.Config), steps = Path.Combine(folder, RunFolder.Steps);
        foreach (string file in (string[])[config, steps])
            if (!File.Exists(file)) throw new InvalidDataException($"{file} is missing");
        StepChain chain = StepChain.Begin(File.ReadAllBytes(config));
        ReadOnlyMemory<byte> rest = File.ReadAllBytes(steps);
        for (int line = 1; rest.Length > 0; line++)
        {
            int end = rest.Span.IndexOf((byte)'\n');
            if (end < 0 || !chain.Accept(rest.Span[..end]))
                throw new InvalidDataException($"{steps}, line {line}: the line{(line == 1 ? $" or {config}" : "")} is not as it was written");
            StepRecord record = new();
            string blame;
            try
            {
                blame = StepLine.Read(rest[..end], record);
            }
            catch (FormatException error)
            {
                throw new InvalidDataException($"{steps}, line {line}: expected {error.Message}", error);
            }

            if (record.Step != line - 1) throw new InvalidDataException($"{steps}, line {line}: expected step {line - 1}, found step {record.Step}");
            yield return new LoggedStep(record, blame);
            rest = rest[(end + 1)..];
        }
    }
}
