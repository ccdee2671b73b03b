using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Detox.Tests.Ptx;

/// <summary>NVIDIA's assembler, ptxas, and its disassembler beside it. They need no GPU: CUDA's toolkit holds them, as does Debian's
/// package nvidia-cuda-toolkit.</summary>
internal sealed partial class Assembler(string path)
{
    private const int MostMilliseconds = 120_000;

    public const string Missing = "there is no ptxas: install CUDA's toolkit, or name the program by DETOX_PTXAS";

    /// <summary>The program that DETOX_PTXAS names, or that PATH leads to.</summary>
    public static Assembler? Find()
    {
        string? named = Environment.GetEnvironmentVariable("DETOX_PTXAS");
        if (!string.IsNullOrEmpty(named)) return File.Exists(named) ? new Assembler(Path.GetFullPath(named)) : throw new FileNotFoundException($"DETOX_PTXAS names '{named}', which is no file");
        string[] folders = Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) ?? [];
        return folders.Select(folder => Path.Combine(folder, "ptxas")).Where(File.Exists).Select(found => new Assembler(found)).FirstOrDefault();
    }

    /// <summary>Assembles a text with one kernel for a GPU, as a driver would, whichever older one the text names.</summary>
    /// <param name="architecture">As in sm_80.</param>
    public AssembledKernel Assemble(string text, string architecture)
    {
        string folder = Directory.CreateTempSubdirectory("detox-ptx-").FullName;
        try
        {
            string source = Path.Combine(folder, "kernel.ptx"), cubin = Path.Combine(folder, "kernel.cubin");
            File.WriteAllText(source, Target().Replace(text, $".target {architecture}"));
            string report = Run(path, $"-arch={architecture}", "-v", "-o", cubin, source);
            string listing = Run(Path.Combine(Path.GetDirectoryName(path)!, "nvdisasm"), "-c", cubin);
            return new AssembledKernel
            {
                Architecture = architecture,
                Registers = Number(report, @"Used (\d+) registers"),
                SharedBytes = Number(report, @"(\d+) bytes smem"),
                StackBytes = Number(report, @"(\d+) bytes stack frame"),
                SpillBytes = Number(report, @"(\d+) bytes spill stores") + Number(report, @"(\d+) bytes spill loads"),
                Code = AssembledKernel.Parse(listing),
            };
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Number(string report, string pattern)
        => Regex.Match(report, pattern) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    private static string Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(MostMilliseconds))
        {
            process.Kill();
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end");
        }

        string text = output.Result + error.Result;
        return process.ExitCode == 0 ? text : throw new InvalidOperationException($"{Path.GetFileName(program)}: {text}");
    }

    [GeneratedRegex(@"^\s*\.target\s+sm_\w+", RegexOptions.Multiline)]
    private static partial Regex Target();
}

/// <summary>A kernel as a GPU runs it.</summary>
internal sealed partial class AssembledKernel
{
    public required string Architecture { get; init; }

    public required int Registers { get; init; }

    public required int SharedBytes { get; init; }

    public required int StackBytes { get; init; }

    /// <summary>Bytes that are written to memory and read from there because registers are too few.</summary>
    public required int SpillBytes { get; init; }

    public required IReadOnlyList<Sass> Code { get; init; }

    /// <summary>The longest run of instructions, of those with the most of a kind, that no branch enters or leaves.</summary>
    public IReadOnlyList<Sass> LongestRun(string kind)
    {
        HashSet<int> targets = [.. Code.Select(one => one.Target)];
        List<List<Sass>> runs = [[]];
        foreach (Sass one in Code)
        {
            if (targets.Contains(one.Address)) runs.Add([]);
            runs[^1].Add(one);
            if (one.Kind is "BRA" or "BRX" or "CALL" or "RET" or "EXIT") runs.Add([]);
        }

        return runs.MaxBy(run => (run.Count(one => one.Kind == kind), run.Count))!;
    }

    public int Count(string kind) => Code.Count(one => one.Kind == kind);

    /// <summary>Reads what nvdisasm writes: labels, and lines of address, guard, opcode and operands.</summary>
    public static IReadOnlyList<Sass> Parse(string listing)
    {
        List<(int Address, string Opcode, string Label)> lines = [];
        Dictionary<string, int> labels = [];
        List<string> open = [];
        foreach (string line in listing.Split('\n'))
        {
            if (Label().Match(line) is { Success: true } label) open.Add(label.Groups[1].Value);
            if (Line().Match(line) is not { Success: true } match) continue;
            int address = int.Parse(match.Groups["address"].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            foreach (string name in open) labels[name] = address;
            open.Clear();
            lines.Add((address, match.Groups["opcode"].Value, match.Groups["label"].Value));
        }

        return [.. lines.Select(line => new Sass(line.Address, line.Opcode, line.Opcode.StartsWith("BRA", StringComparison.Ordinal) ? labels.GetValueOrDefault(line.Label, -1) : -1))];
    }

    [GeneratedRegex(@"^(\.L_\w+):")]
    private static partial Regex Label();

    [GeneratedRegex(@"^\s*/\*(?<address>[0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?(?<opcode>[A-Z][\w.]*)[^`;]*(?:`\((?<label>\.L_\w+)\))?")]
    private static partial Regex Line();
}

/// <summary>An instruction of a GPU's own.</summary>
/// <param name="Target">The address to which it branches, or -1.</param>
internal readonly record struct Sass(int Address, string Opcode, int Target)
{
    /// <summary>The opcode without its modifiers.</summary>
    public string Kind => Opcode.Split('.')[0];
}
