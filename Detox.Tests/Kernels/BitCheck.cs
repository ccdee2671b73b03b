using Detox.Gpu.Devices.Ilgpu;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace Detox.Tests.Kernels;

/// <summary>Runs the tests of bits of one kind of device without an SDK, and prints what each found.</summary>
internal static class BitCheck
{
    /// <summary>0 where tests ran and none failed.</summary>
    public static int Run(IlgpuKind kind)
    {
        NUnitTestAssemblyRunner runner = new(new DefaultTestAssemblyBuilder());
        runner.Load(typeof(BitCheck).Assembly, new Dictionary<string, object>());
        ITestResult all = runner.Run(new Listener(), new OfKind($"({kind})"));
        Console.WriteLine($"{all.PassCount} passed, {all.FailCount} failed, {all.SkipCount} skipped");
        return all.PassCount > 0 && all.FailCount == 0 ? 0 : 1;
    }

    /// <summary>The fixtures made for a device, and what holds them and what they hold.</summary>
    private sealed class OfKind(string device) : TestFilter
    {
        public override bool Match(ITest test) => test is TestFixture && test.Name.EndsWith(device, StringComparison.Ordinal);

        public override TNode AddToXml(TNode parentNode, bool recursive) => parentNode.AddElement("device", device);
    }

    private sealed class Listener : ITestListener
    {
        public void TestStarted(ITest test)
        {
        }

        public void TestFinished(ITestResult result)
        {
            if (result.Test.IsSuite && result.ResultState.Site != FailureSite.SetUp) return;
            Console.WriteLine($"{result.ResultState.Status,-8}{result.Test.Name}  {result.Duration:F1} s");
            if (!string.IsNullOrEmpty(result.Message)) Console.WriteLine($"        {result.Message}");
        }

        public void TestOutput(TestOutput output)
        {
        }

        public void SendMessage(TestMessage message)
        {
        }
    }
}
