using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Kernels;
using Detox.Gpu.Networks;
using Detox.Tests.Kernels;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Ptx;

/// <summary>The PTX of the project's kernels, run by the machine, computes the bits of every other device.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class KernelTests
{
    [TestCaseSource(typeof(KernelTexts), nameof(KernelTexts.Cases))]
    public void EveryInstructionIsKnown(Type kernel)
        => Assert.That(PtxModule.Parse(KernelTexts.Of(kernel)).Kernels, Has.Count.EqualTo(1));

    /// <summary>The machine runs all tiny cases, as <see cref="OpTests"/> says; so it runs every kernel.</summary>
    [Test]
    public void TheTinyCasesLaunchEveryKernel()
    {
        NotingLauncher notes = new();
        using IlgpuDevice device = TestDevices.OpenPtx(notes);
        notes.StopRunning();
        foreach (OpCase one in OpCases.All.Where(one => one.IsTiny)) Operands.After(device, one.Run, one.Before);
        Assert.That(KernelTexts.All().Except(notes.Launches.Keys).Select(KernelTexts.NameOf), Is.Empty);
    }

    [Test]
    public void LeNetTrainsThreeSteps()
    {
        const int side = 28, batch = 2;
        using CpuDevice cpu = new(1);
        using IlgpuDevice machine = TestDevices.OpenPtx(new PtxLauncher());
        BitEqual(Train(cpu), Train(machine), "weights");

        static float[] Train(Device device)
        {
            using Network network = Network.Create("lenet", device, side, side, 1, 10, batch);
            float[] values = new float[network.ParameterCount];
            network.Initialise(3, values);
            using DeviceBuffer weights = device.Upload(values), velocity = device.Allocate(values.Length), payload = device.Allocate(network.PayloadLength);
            for (int step = 0; step < 3; step++)
            {
                network.Gradient(weights.All, TestDevices.Random(batch * side * side, (ulong)step), [step, 9 - step], payload.All);
                device.Run(new SgdStep(weights.All, velocity.All, payload.All.Slice(0, network.ParameterCount), 0.05f, 0.9f, 1e-4f));
            }

            return device.Download(weights);
        }
    }
}
