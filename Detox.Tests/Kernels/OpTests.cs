using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;
using NUnit.Framework;

namespace Detox.Tests.Kernels;

/// <summary>Every op leaves the bits of its definition on every device, and its operands' errors are the same there.</summary>
/// <remarks>OpenCL runs everywhere where a driver is, on a CPU too; the simulator and the machine that runs PTX take the tiny cases only;
/// CUDA runs where a GPU is and is said to be missing where none is.</remarks>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.Fixtures))]
[Parallelizable(ParallelScope.Self)]
public sealed class OpTests(DeviceForm form)
{
    private Device _device = null!;

    [OneTimeSetUp]
    public void Open() => _device = form.Open();

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [TestCaseSource(typeof(OpCases), nameof(OpCases.Ops))]
    public void LeavesTheBitsOfTheDefinition(string op)
    {
        OpCase[] cases = [.. OpCases.All.Where(one => one.Op == op && (one.IsTiny || !form.IsSlow))];
        Assert.That(cases, Is.Not.Empty);
        foreach (OpCase one in cases) one.Compare(_device);
    }

    [TestCaseSource(nameof(OpsWithErrors))]
    public void SaysWhichOperandDoesNotFit(string op)
    {
        foreach (OpError one in OpError.All.Where(one => one.Op == op))
            Assert.That(() => one.Run(_device), Throws.ArgumentException.With.Message.Contains(one.Says), one.Says);
    }

    private static IEnumerable<string> OpsWithErrors() => OpError.All.Select(one => one.Op).Distinct();
}

public sealed class OpCaseTests
{
    [Test]
    public void EveryOpHasCases()
        => Assert.That(OpCases.Ops, Is.EquivalentTo(typeof(IOp).Assembly.GetTypes().Where(type => type.IsValueType && typeof(IOp).IsAssignableFrom(type)).Select(type => type.Name)));
}
