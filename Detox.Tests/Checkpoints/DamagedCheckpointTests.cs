using Detox.Gpu;
using Detox.Mpi;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Training;
using Detox.Tests.Reports;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>Checkpoints of which a byte has changed, that cannot be written, or that no rank has confirmed.</summary>
public sealed class DamagedCheckpointTests
{
    private static readonly int _changes = int.Parse(Environment.GetEnvironmentVariable("DETOX_CHANGES") ?? "200");
    private static readonly TrainOptions _options = TrainInProcess.Small with { Steps = 4, CheckpointEvery = CheckpointInterval.Parse("2") };

    /// <summary>Every byte counts, also those that JSON would pass over.</summary>
    [Test]
    public void AChangeOfAnyByteIsNoticedAndTheCheckpointBeforeIsTaken()
    {
        string folder = TrainInProcess.Run(_options).Folder, newest = new CheckpointStore(folder).PathOf(4);
        SeededRandom random = new(12);
        foreach (string file in (string[])[.. Checkpoint.Files, Manifest.FileName])
        {
            string path = Path.Combine(newest, file);
            byte[] whole = File.ReadAllBytes(path);
            for (int i = 0; i < _changes / 4; i++)
            {
                byte[] changed = [.. whole];
                changed[random.NextInt(whole.Length)] ^= (byte)(1 << random.NextInt(8));
                File.WriteAllBytes(path, changed);
                List<string> said = [];
                Assert.That(ResumePoint.Find(folder, said.Add).Step, Is.EqualTo(2));
                Assert.That(said, Has.Count.EqualTo(1).And.ItemAt(0).Contains(newest));
            }

            File.WriteAllBytes(path, whole);
        }

        Assert.That(ResumePoint.Find(folder, _ => Assert.Fail()).Step, Is.EqualTo(4));
    }

    [TestCase("weights.safetensors", "has 31400 bytes, and")]
    [TestCase("run.json", "is missing")]
    [TestCase("manifest.json", "is missing")]
    public void ACutOrMissingFileIsNamed(string file, string said)
    {
        string folder = TrainInProcess.Run(_options).Folder, path = Path.Combine(new CheckpointStore(folder).PathOf(4), file);
        if (said == "is missing") File.Delete(path);
        else File.WriteAllBytes(path, File.ReadAllBytes(path)[..31400]);
        List<string> problems = [];
        Assert.That(ResumePoint.Find(folder, problems.Add).Step, Is.EqualTo(2));
        Assert.That(problems[0], Does.Contain($"{path} {said}"));
    }

    [Test]
    public void WhereNoCheckpointIsWholeTheRunEndsAndSaysWhatToDo()
    {
        string folder = TrainInProcess.Run(_options).Folder;
        CheckpointStore store = new(folder);
        foreach (long step in store.Steps()) File.AppendAllText(Path.Combine(store.PathOf(step), Checkpoint.StateFile), " ");
        DetoxException error = Assert.Throws<DetoxException>(() => ResumePoint.Find(folder, _ => { }))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.NoCheckpoint));
        Assert.That(error.Message, Does.Contain(store.PathOf(4)).And.Contain(store.PathOf(2)).And.Contain("begins anew"));
    }

    [Test]
    public void TheRunGoesOnFromTheOneBeforeAndPutsTheDamagedAside()
    {
        RunFiles whole = TrainInProcess.Run(_options with { Steps = 8 });
        string folder = TrainInProcess.Run(_options).Folder;
        CheckpointStore store = new(folder);
        File.AppendAllText(Path.Combine(store.PathOf(4), Checkpoint.WeightsFile), " ");
        Histories.AssertEqual(whole, ResumedRun.GoOn(folder, _options with { Steps = 8 }));
        Assert.That(Directory.Exists(store.PathOf(4) + ".damaged"), Is.True);
        Assert.That(store.Steps()[0], Is.EqualTo(8));
    }

    [Test]
    public void AFullDiskCostsTheCheckpointAndIsSaidOnce()
    {
        using SmallFolder small = new(kilobytes: 400);
        TrainOptions options = (_options with { Steps = 3, Out = small.Path, Name = "run" }).Resolve(launchedRanks: null, cores: 2);
        Assert.That(Mpi.Commands.TrainCommand.ExecuteInProcess(options), Is.EqualTo(ExitCode.Done));
        string folder = Path.Combine(small.Path, "run");
        small.FillBut(40_000);
        TextWriter standard = Console.Error;
        using StringWriter errors = new();
        Console.SetError(errors);
        try
        {
            ResumedRun.GoOn(folder, options with { Steps = 12 }, expected: ExitCode.Unexpected);
        }
        finally
        {
            Console.SetError(standard);
        }

        Assert.That(errors.ToString().Split("the checkpoint of step").Length - 1, Is.EqualTo(1), errors.ToString());
        Assert.That(errors.ToString(), Does.Contain("cannot be saved: No space left on device").And.Contain("The run goes on"));
        Assert.That(ResumePoint.Find(folder, _ => { }).Step, Is.EqualTo(3));
    }

    /// <summary>The folder has its name only when the ranks have confirmed the weights.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void WeightsThatNoRankConfirmsAreNotSaved(bool isConfirmed)
    {
        string folder = TrainInProcess.Run(_options).Folder;
        CheckpointStore store = new(folder);
        RunState state = Checkpoint.Open(store.PathOf(4)).State with { Step = 7 };
        using Gpu.Devices.Cpu.CpuDevice cpu = new(1);
        using Gpu.Networks.Network network = Gpu.Networks.Network.Create("softmax", cpu, 28, 28, 1, 10, 1);
        using CheckpointWriter writer = new(store, new TrainedState(network, cpu, []), () => { });
        writer.Begin(state, copy => copy.Take(new float[network.StateLength]));
        Assert.That(writer.IsIdle, Is.False);
        writer.Confirm(isConfirmed);
        writer.Finish();
        Assert.That(store.Has(7), Is.EqualTo(isConfirmed));
        Assert.That(writer.TakeProblem(), isConfirmed ? Is.Null : Is.EqualTo("the weights of step 7 were confirmed by no rank, and are not saved"));
        Assert.That(Directory.EnumerateDirectories(store.Path, ".part-*"), Is.Empty);
    }
}
