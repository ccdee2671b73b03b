using System.Runtime.Intrinsics.X86;
using Detox.Tests.Data;
using Detox.Tests.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Programs;

/// <summary>What a rank loads and compiles before its first steps are over: forty-five do so on two cores.</summary>
[TestFixture]
public sealed class StartTests
{
    private const string Lenet = "--batch 12 --byzantine 0 --evaluate-every 0 --checkpoint-every 0 --device cpu";

    /// <summary>Of this program's own methods, those that are not compiled ahead: generics that are called virtually, mostly.</summary>
    private const int MostCompiled = 40;

    [TestCase(null)]
    [TestCase(MpiRunner.OpenMpi)]
    public void ATrainingLoadsNoLibraryThatItDoesNotUse(string? launcher)
    {
        using RunningTraining run = DetoxProgram.Start(launcher, 3, $"{Lenet} --steps 100000");
        run.AwaitSteps(2);
        for (int rank = 0; rank < 3; rank++)
        {
            string[] loaded = [.. File.ReadLines($"/proc/{run.Place(rank).Process}/maps").Select(line => Path.GetFileName(line.Split(' ')[^1])).Distinct()];
            Assert.That(loaded, Does.Contain("Detox.Gpu.dll"), "the maps show what is loaded");
            Assert.That(loaded.Intersect(["ILGPU.dll", "Spectre.Console.dll", "Tomlyn.dll", "NumSharp.dll", "MathNet.Numerics.dll", "Sep.dll"]), Is.Empty, $"rank {rank}");
        }
    }

    [Test]
    public void ANodeReadsAFolderOnce()
    {
        using TempFolder images = new();
        images.WriteIdx("train", 100, side: 28);
        images.WriteIdx("t10k", 10, side: 28);
        string options = $"--model softmax --batch 5 --byzantine 0 --evaluate-every 0 --checkpoint-every 0 --data {images.Path}";
        using RunningTraining run = DetoxProgram.Start(MpiRunner.OpenMpi, 3, $"{options} --steps 100000");
        run.AwaitSteps(2);
        for (int rank = 0; rank < 3; rank++)
            Assert.That(File.ReadAllText($"/proc/{run.Place(rank).Process}/maps"), Does.Contain("memfd:detox-data"), $"rank {rank}");

        string Weights(string? launcher, params (string Name, string Value)[] environment) => DetoxProgram.Train(launcher, 3, $"{options} --steps 4", environment).Weights;
        string alone = Weights(null);
        Assert.That(Weights(MpiRunner.OpenMpi), Is.EqualTo(alone), "one node");
        Assert.That(Weights(MpiRunner.OpenMpi, DetoxProgram.OnNodes(3)), Is.EqualTo(alone), "a node each");
    }

    [Test]
    public void ThePublishedProgramIsCompiledAhead()
    {
        if (Environment.GetEnvironmentVariable("DETOX_PUBLISHED") is null) Assert.Ignore("DETOX_PUBLISHED names no published program");
        if (!Avx2.IsSupported) Assert.Ignore("without AVX2 all is compiled anew");
        string file = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"compiled-{Guid.NewGuid():N}");
        DetoxProgram.Train(null, 3, $"{Lenet} --steps 3", ("DOTNET_JitStdOutFile", file), ("DOTNET_JitDisasmSummary", "1"));
        string[] compiled = [.. File.ReadLines(file).Select(line => line[(line.IndexOf("compiled ", StringComparison.Ordinal) + 9)..])];
        Assert.That(compiled, Is.Not.Empty, "the runtime says what it compiles");
        string[] own = [.. compiled.Where(method => method.StartsWith("Detox", StringComparison.Ordinal))];

        // The order that rank 0's median sorts by is static and generic at once, which the compiler leaves to the runtime.
        Assert.That(own.Where(method => method.Contains("Lanes", StringComparison.Ordinal) && !method.Contains(".cctor()", StringComparison.Ordinal) && !method.Contains("ColumnMedian", StringComparison.Ordinal)), Is.Empty, "vector code");
        Assert.That(own, Has.Length.LessThan(MostCompiled), string.Join('\n', own));
    }
}
