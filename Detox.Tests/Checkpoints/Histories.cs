using System.Text.Json;
using System.Text.Json.Nodes;
using Detox.Mpi.Reports;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>What two runs must have in common that computed the same: everything but times, and what hangs on them.</summary>
internal static class Histories
{
    private static readonly string[] _ofTime = ["seconds", "vector_bytes", "missing", "chain"];

    public static void AssertEqual(RunFiles expected, RunFiles found)
    {
        Assert.That(Steps(found.Folder), Is.EqualTo(Steps(expected.Folder)));
        Assert.That(File.ReadAllText(Path.Combine(found.Folder, RunFolder.Blames)), Is.EqualTo(File.ReadAllText(Path.Combine(expected.Folder, RunFolder.Blames))));
        Assert.That(found.Weights, Is.EqualTo(expected.Weights));
        foreach (string count in (string[])["steps", "skipped_steps", "void_groups", "accuracy", "loss", "faults_of_rank"])
            Assert.That(found.Result.GetProperty(count).GetRawText(), Is.EqualTo(expected.Result.GetProperty(count).GetRawText()), count);
    }

    private static string[] Steps(string folder) => [.. File.ReadLines(Path.Combine(folder, RunFolder.Steps)).Select(line =>
    {
        JsonObject step = JsonNode.Parse(line)!.AsObject();
        foreach (string member in _ofTime) step.Remove(member);
        return step.ToJsonString();
    })];
}
