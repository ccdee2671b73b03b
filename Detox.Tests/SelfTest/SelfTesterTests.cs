using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Networks;
using Detox.Mpi;
using Detox.Mpi.Messaging;
using Detox.Mpi.SelfTest;
using Detox.Tests.Kernels;
using NUnit.Framework;

namespace Detox.Tests.SelfTest;

/// <summary>The known bits of every model, and that a bit that is flipped anywhere is found and named.</summary>
[NonParallelizable]
public sealed class SelfTesterTests
{
    private static readonly int[] _cores = Cores.All(asBound: true);
    private static readonly IReadOnlyList<ModelCase> _small = [.. ModelCase.All.Where(model => model.Model is "softmax" or "lenet")];

    private static IEnumerable<string> Models => ModelCase.All.Select(model => model.Model);

    [Test]
    public void EveryModelHasKnownBits()
    {
        Assert.That(Models, Is.EquivalentTo(Network.Known.Names));
        Assert.That(ModelCase.All.SelectMany(model => model.Sha256), Is.Unique);
    }

    [TestCaseSource(nameof(Models))]
    public void StepsWriteTheKnownBits(string name)
    {
        ModelCase model = ModelCase.All.Single(one => one.Model == name);
        using CpuDevice device = new(1);
        using ModelSteps steps = new(device, model, model.Start());
        Recording recording = new(model, steps, flip: null);
        string[] found = [.. Enumerable.Range(0, model.Steps).Select(recording.Sha256)];
        Assert.That(string.Join('\n', found), Is.EqualTo(string.Join('\n', model.Sha256)), $"{name} has other bits than it had; whoever changes them says in the commit why. Found:\n{string.Join('\n', found)}");
    }

    [Test]
    public void ARoundFindsNothingHere()
    {
        using SelfTester tester = new(ModelCase.All, _cores, []);
        Assert.That(tester.Round(), Is.Empty);
        Assert.That(tester.Places, Has.Count.EqualTo((1 + _cores.Length) * CpuDevice.FusingLanes.Count).And.Unique);
    }

    /// <summary>At each place a few bits, of any tensor: the very float is named, and nothing else is.</summary>
    [Test]
    public void AFlippedBitIsNamedWhereverItIs()
    {
        using SelfTester tester = new(_small, _cores, []);
        foreach (string place in tester.Places)
            for (ulong seed = 0; seed < 5; seed++) FlipIsNamed(tester, seed, place);
    }

    [TestCase("resnet18")]
    [TestCase("vgg13-bn")]
    public void ItIsNamedInALargeModelToo(string name)
    {
        IReadOnlyList<ModelCase> models = [.. ModelCase.All.Where(model => model.Model == name)];
        using SelfTester tester = new(models, [_cores[0]], []);
        BitFlip flip = FlipIsNamed(tester, 1, tester.Places[^1], models);
        Assert.That(flip.Where.Model, Is.EqualTo(name));
    }

    [Test]
    public void ADeviceBesideTheCpuIsTested()
    {
        OpenCl.Require(IlgpuKind.OpenCl);
        using SelfTester tester = new([_small[0]], [_cores[0]], ["opencl:0"]);
        Assert.That(tester.Round(), Is.Empty);
        FlipIsNamed(tester, 1, "opencl:0", [_small[0]]);
    }

    /// <summary>A processor on which vectors and plain loops are wrong, or a program that computes other bits than it did.</summary>
    [Test]
    public void WhereNothingGivesTheKnownBitsBothHashesAreSaid()
    {
        ModelCase right = _small[0], wrong = right with { Sha256 = [right.Sha256[0], new string('0', 64)] };
        using SelfTester tester = new([wrong], [_cores[0]], []);
        DetoxException error = Assert.Throws<DetoxException>(() => tester.Round())!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.ReplaceNode));
        Assert.That(error.Message, Does.Contain($"{wrong.Model} step 1").And.Contain(wrong.Sha256[1]).And.Contain($"{right.Sha256[1]} and {right.Sha256[1]}"));
    }

    [Test]
    public void AThreadRunsOnTheCoreThatIsTested()
    {
        foreach (int core in _cores)
        {
            ulong[] set = new ulong[16];
            Thread thread = new(() =>
            {
                Cores.RunOn(core);
                LibC.GetAffinity(set);
            });
            thread.Start();
            thread.Join();
            Assert.That(Enumerable.Range(0, 64 * set.Length).Where(bit => (set[bit / 64] >> (bit % 64) & 1) != 0), Is.EqualTo(new[] { core }));
        }

        Assert.That(Cores.All(asBound: true), Is.EqualTo(_cores), "other threads stay free");
    }

    private static BitFlip FlipIsNamed(SelfTester tester, ulong seed, string place, IReadOnlyList<ModelCase>? models = null)
    {
        BitFlip flip = BitFlip.Draw(seed, models ?? _small, [place]);
        tester.Flip = flip;
        IReadOnlyList<Mismatch> mismatches = tester.Round();
        Assert.That(mismatches, Has.Count.EqualTo(1), $"{flip}");
        Assert.That(mismatches[0].Where, Is.EqualTo(flip.Where));
        Assert.That(BitConverter.SingleToUInt32Bits(mismatches[0].Expected) ^ BitConverter.SingleToUInt32Bits(mismatches[0].Found), Is.EqualTo(1u << flip.Bit));
        return flip;
    }
}
