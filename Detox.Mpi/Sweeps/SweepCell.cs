using System.Security.Cryptography;
using System.Text;
using Detox.Gpu.Networks;
using Detox.Mpi.Training;

namespace Detox.Mpi.Sweeps;

/// <summary>One run of a sweep.</summary>
/// <param name="Folder">Its name within the sweep's folder: readable, and another one where any option, the data or the program differs.</param>
/// <param name="Values">Of the dimensions, in their order.</param>
/// <param name="Options">Resolved and valid, but for threads, which the sweep gives; with the folder as name.</param>
internal sealed record SweepCell(string Folder, string Method, IReadOnlyList<string> Values, TrainOptions Options)
{
    private const int MostReadable = 160;
    private const int IdentityDigits = 10;

    private static readonly string[] _ofNoCell = ["out", "name", "threads"];

    /// <summary>Version and builds: what the bits of a run depend on beside options and data.</summary>
    public static string Program { get; } = $"{Reports.RunReport.Program} {typeof(Network).Module.ModuleVersionId}";

    /// <param name="point">Valid.</param>
    /// <param name="data">Name and digest of the data.</param>
    /// <param name="out">The sweep's folder.</param>
    public static SweepCell Of(SweepGrid grid, GridPoint point, string data, string @out, string program)
    {
        StringBuilder readable = new(Plain(point.Method.Name));
        for (int i = 0; i < point.Values.Count; i++) readable.Append('_').Append(grid.Dimensions[i].Option.Name).Append('=').Append(Plain(point.Values[i]));
        if (readable.Length > MostReadable) readable.Length = MostReadable;
        string folder = readable.Append('_').Append(Identity(point, data, program)).ToString();
        return new SweepCell(folder, point.Method.Name, point.Values, point.Options with { Out = @out, Name = folder });
    }

    private static string Identity(GridPoint point, string data, string program)
    {
        IEnumerable<string> options = TrainOption.All.Where(option => !_ofNoCell.Contains(option.Name)).Select(option => $"{option.Name}={option.Text(point.Options)}");
        byte[] text = Encoding.UTF8.GetBytes(string.Join('\n', [point.Method.Name, data, program, .. options]));
        return Convert.ToHexStringLower(SHA256.HashData(text))[..IdentityDigits];
    }

    /// <summary>What no shell and no file system takes amiss: "alie(z=1)" is "alie-z=1".</summary>
    private static string Plain(string text)
    {
        StringBuilder plain = new();
        foreach (char character in text)
        {
            bool isPlain = char.IsAsciiLetterOrDigit(character) || character is '.' or '=' or '+' or '-';
            if (isPlain) plain.Append(character);
            else if (plain.Length > 0 && plain[^1] != '-') plain.Append('-');
        }

        return plain.ToString().Trim('-', '.') is { Length: > 0 } name ? name : "x";
    }
}
