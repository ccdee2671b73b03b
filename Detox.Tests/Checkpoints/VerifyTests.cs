using Detox.Gpu;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Training;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>A change of any byte in a run's folder is found, and named.</summary>
public sealed class VerifyTests
{
    private static readonly int _changes = int.Parse(Environment.GetEnvironmentVariable("DETOX_CHANGES") ?? "200");
    private static readonly TrainOptions _options = TrainInProcess.Small with { Steps = 6, Byzantine = 2, Attack = "bit-flip", CheckpointEvery = CheckpointInterval.Parse("2") };

    [Test]
    public void AnUntouchedRunHasNoProblems()
    {
        RunVerifier verifier = Verify(TrainInProcess.Run(_options).Folder);
        Assert.That(verifier.Problems, Is.Empty);
        Assert.That((verifier.Steps, verifier.Checkpoints, verifier.HasEnded), Is.EqualTo((6L, 2, true)));
    }

    [Test]
    public void AResumedRunHasNone()
        => Assert.That(Verify(ResumedRun.InTwo(_options, first: 3).Folder).Problems, Is.Empty);

    [Test]
    public void AChangeOfAnyByteIsFoundAndNamed()
    {
        string folder = TrainInProcess.Run(_options).Folder;
        SeededRandom random = new(13);
        string[] files = [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)];
        Assert.That(files, Has.Length.EqualTo(7 + (2 * 4)));
        foreach (string file in files)
        {
            byte[] whole = File.ReadAllBytes(file);
            for (int i = 0; i < _changes / files.Length; i++)
            {
                byte[] changed = [.. whole];
                changed[random.NextInt(whole.Length)] ^= (byte)(1 << random.NextInt(8));
                File.WriteAllBytes(file, changed);
                Assert.That(Verify(folder).Problems, Has.Some.Contains(file));
            }

            File.WriteAllBytes(file, whole);
        }
    }

    /// <summary>Without a manifest, as in a run that was killed, the chain alone speaks for steps and faults.</summary>
    [Test]
    public void TheChainNamesTheLine()
    {
        string folder = TrainInProcess.Run(_options).Folder, steps = Path.Combine(folder, "steps.jsonl");
        File.Delete(Path.Combine(folder, Manifest.FileName));
        Directory.Delete(new CheckpointStore(folder).Path, recursive: true);
        Assert.That(Verify(folder).Problems, Is.Empty);
        string[] lines = File.ReadAllLines(steps);
        for (int line = 0; line < lines.Length; line++)
        {
            string[] changed = [.. lines];
            changed[line] = changed[line].Replace("\"loss\":", "\"loss\": ", StringComparison.Ordinal);
            File.WriteAllText(steps, string.Concat(changed.Select(text => text + "\n")));
            Assert.That(Verify(folder).Problems, Has.Count.EqualTo(1).And.ItemAt(0).Contains($"{steps}, line {line + 1}:"));
        }

        File.WriteAllText(steps, string.Concat(lines.Where((_, line) => line != 2).Select(text => text + "\n")));
        Assert.That(Verify(folder).Problems[0], Does.Contain("line 3"));
        File.WriteAllText(steps, string.Concat(lines.Select(text => text + "\n")));
        File.AppendAllText(Path.Combine(folder, "config.toml"), "# x\n");
        Assert.That(Verify(folder).Problems[0], Does.Contain("line 1 or").Or.Contain("config.toml"));
    }

    private static RunVerifier Verify(string folder)
    {
        RunVerifier verifier = new(folder);
        verifier.Run();
        return verifier;
    }
}
