using System.Text.RegularExpressions;

namespace Detox.Tests.Ptx;

/// <summary>What NVIDIA's assembler is given: nothing in it may be rounded twice, fused or flushed.</summary>
public sealed class PtxTests
{
    [TestCaseSource(typeof(KernelTexts), nameof(KernelTexts.Cases))]
    public void RoundsEveryOperationOnce(Type kernel)
    {
        string ptx = KernelTexts.Of(kernel);
        foreach (string forbidden in (string[])[@"\bmad\.(rn\.)?f", @"\bmul\.f(32|64)", @"\.approx", @"\.ftz", @"\b(atom|red)\.", @"\bdiv\.full", @"\bex2\.", @"\blg2\."])
            Assert.That(Regex.Match(ptx, $".*{forbidden}.*").Value, Is.Empty, $"'{forbidden}' stands in it");
    }

    /// <summary>PTX allows them only where all threads of a warp go the same way, and whoever writes them here does not know that.</summary>
    [TestCaseSource(typeof(KernelTexts), nameof(KernelTexts.Cases))]
    public void SaysOfNoConditionThatAllThreadsAgree(Type kernel)
    {
        string ptx = KernelTexts.Of(kernel);
        Assert.That(Regex.Match(ptx, @".*@.*\bbra\.uni.*").Value, Is.Empty);
        Assert.That(ptx, Does.Match(@"@!?%p\d+\s+bra\s").Or.Not.Contain("setp"), "conditional branches are written so");
    }

    /// <summary>What the first test looks for is seen: the instructions that this project registered are there.</summary>
    [Test]
    public void TheRegisteredOperationsAreWritten()
    {
        string all = string.Join('\n', KernelTexts.All().Select(KernelTexts.Of));
        foreach (string instruction in (string[])["fma.rn.f32", "mul.rn.f32", "add.rn.f32", "div.rn.f64", "sqrt.rn.f64"]) Assert.That(all, Does.Contain(instruction));
        Assert.That(KernelTexts.All().Count(), Is.GreaterThanOrEqualTo(30));
    }

    /// <summary>Sums in registers, tiles in shared memory and four words at a time: what the speed of a product rests on.</summary>
    [Test]
    public void AProductKeepsItsSumsInRegisters()
    {
        Type[] products = [.. KernelTexts.All().Where(kernel => KernelTexts.NameOf(kernel).Contains("Dense", StringComparison.Ordinal))];
        Assert.That(products, Has.Length.GreaterThanOrEqualTo(2));
        foreach (Type product in products)
        {
            string ptx = KernelTexts.Of(product);
            Assert.That(ptx, Does.Contain("ld.shared.v4").And.Contain("bar.sync").And.Not.Contain(".local"));
            Assert.That(Regex.Count(ptx, @"fma\.rn\.f32"), Is.GreaterThanOrEqualTo(64));
        }
    }
}
