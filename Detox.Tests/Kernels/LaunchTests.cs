using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Networks;
using Detox.Tests.Ptx;
using NUnit.Framework;

namespace Detox.Tests.Kernels;

/// <summary>How many kernels a gradient starts, each of which costs a GPU microseconds; that it waits for none, <see cref="IlgpuTests"/> says.</summary>
/// <remarks>No kernel runs, so that batches may be as large as those of training.</remarks>
[NonParallelizable]
public sealed class LaunchTests
{
    [TestCase(2, 167)]
    [TestCase(32, 201)]
    [TestCase(128, 218)]
    public void AGradientOfAResNetStartsFewKernels(int batch, int most)
    {
        const int side = 32, channels = 3;
        NotingLauncher notes = new();
        using IlgpuDevice device = TestDevices.OpenPtx(notes);
        using Network network = Network.Create("resnet18", device, side, side, channels, 10, batch);
        using DeviceBuffer state = device.Allocate(network.StateLength), payload = device.Allocate(network.PayloadLength);
        notes.StopRunning();
        network.Gradient(state.All, new float[batch * side * side * channels], new int[batch], payload.All);
        string kernels = string.Join(", ", notes.Launches.OrderByDescending(one => one.Value).Select(one => $"{one.Value} x {KernelTexts.NameOf(one.Key)}"));
        Assert.That(notes.Launches.Values.Sum(), Is.InRange(1, most), kernels);
    }
}
