using System.Text.RegularExpressions;
using Detox.Gpu.Kernels;

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

    /// <summary>Sums in registers, tiles in shared memory, and four floats in one instruction: what the speed of a product rests on.</summary>
    [TestCaseSource(nameof(Products))]
    public void AProductKeepsItsSumsInRegisters(Type product)
    {
        // Sixteen terms in a row, these once more where fewer follow, and a loop for those that are left.
        const int Terms = 16 + 16 + 1;
        (int sums, int lefts, int rights) = SumsOf(product) == typeof(Sums128) ? (64, 2, 2) : SumsOf(product) == typeof(Sums64) ? (32, 1, 2) : (16, 1, 1);
        bool inFours = product.GetGenericArguments()[2] == typeof(InFours);
        string ptx = KernelTexts.Of(product);
        Assert.That(ptx, Does.Contain("bar.sync").And.Not.Contain(".local"));
        Assert.That(Regex.Count(ptx, @"fma\.rn\.f32"), Is.EqualTo(Terms * sums));
        Assert.That(Regex.Count(ptx, @"ld\.shared\.v4\.f32"), Is.EqualTo(Terms * (inFours ? lefts + rights : lefts)), "factors of four rows or columns");
        Assert.That(Regex.Count(ptx, @"ld\.shared\.f32"), Is.EqualTo(inFours ? 0 : Terms * rights * 4), "factors of a column");
        foreach (string four in (string[])[@"ld\.global\.v4\.f32", @"st\.global\.v4\.f32"]) Assert.That(Regex.IsMatch(ptx, four), Is.EqualTo(inFours), four);
        Assert.That(Regex.IsMatch(ptx, @"st\.global\.f32"), Is.EqualTo(!inFours), "sums one by one");
    }

    [Test]
    public void EveryProductHasEveryKindOfSumsAndAccess()
    {
        Type[] products = [.. Products().Select(one => (Type)one.Arguments[0]!)];
        Assert.That(products.Select(SumsOf).Distinct(), Is.EquivalentTo((Type[])[typeof(Sums32), typeof(Sums64), typeof(Sums128)]));
        Assert.That(products.Select(one => one.GetGenericArguments()[2]).Distinct(), Is.EquivalentTo((Type[])[typeof(OneByOne), typeof(InFours)]));
        Assert.That(products.Select(one => one.GetGenericArguments()[0]).Distinct().Count(), Is.EqualTo(products.Length / 6).And.GreaterThanOrEqualTo(6));
    }

    private static IEnumerable<TestCaseData> Products() => KernelTexts.Cases().Where(one => one.Arguments[0] is Type { IsGenericType: true } kernel && kernel.GetGenericTypeDefinition() == typeof(Tiled<,,>));

    private static Type SumsOf(Type product) => product.GetGenericArguments()[1];
}
