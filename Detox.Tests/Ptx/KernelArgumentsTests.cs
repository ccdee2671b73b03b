using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace Detox.Tests.Ptx;

/// <summary>A structure of arguments lies where ILGPU's kernels look for it.</summary>
[NonParallelizable]
public sealed class KernelArgumentsTests
{
    [Test]
    public void AKernelFindsEveryField()
    {
        using Context context = IlgpuDevices.CreateContext(IlgpuKind.Simulator);
        using Accelerator host = context.CreateCPUAccelerator(0);
        using MemoryBuffer1D<double, Stride1D.Dense> found = host.Allocate1D<double>(9);
        using MemoryBuffer1D<int, Stride1D.Dense> numbers = host.Allocate1D([11, 12, 13, 14]);
        Arguments arguments = new()
        {
            Small = 3,
            Inside = new Inner { Odd = -5, Numbers = numbers.View.BaseView.SubView(1, 2), Kind = Kind.Second },
            Real = 1.5f,
            Long = 1L << 40,
            Found = found.View.BaseView,
            Last = 77,
        };
        PtxKernel kernel = PtxModule.Parse(KernelTexts.Of(typeof(Arguments))).Kernels[0];
        KernelArguments block = new(arguments);
        Assert.That(kernel.ParameterBytes, Is.EqualTo(block.Bytes.Length));
        Assert.That(block.Buffers, Has.Count.EqualTo(2));
        PtxMachine machine = new(new GlobalMemory());
        foreach ((nint address, long bytes) in block.Buffers) machine.Memory.Add(address, bytes);
        machine.Launch(kernel, new Triple(1, 1, 1), new Triple(1, 1, 1), block.Bytes);
        Assert.That(found.GetAsArray1D(), Is.EqualTo((double[])[3, -5, 2, 12, 1, 1.5, 1L << 40, 9, 77]));
    }

    [Test]
    public void ArgumentsOneByOneLieAsParametersDo()
        => Assert.That(new KernelArguments(1, 2L, (byte)3, 4).Bytes.ToArray(), Is.EqualTo((byte[])[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]));

    [Test]
    public void AnEmptyViewHasNoBuffer()
    {
        KernelArguments arguments = new(default(ArrayView<float>));
        Assert.That(arguments.Bytes.ToArray(), Is.EqualTo(new byte[16]));
        Assert.That(arguments.Buffers, Is.Empty);
    }

    [Test]
    public void WhatNoKernelTakesIsRefused() => Assert.Throws<ArgumentException>(() => _ = new KernelArguments("text"));

    private enum Kind
    {
        First,
        Second,
    }

    private struct Inner
    {
        public short Odd;
        public ArrayView<int> Numbers;
        public Kind Kind;
    }

    private struct Arguments : IKernel
    {
        public byte Small;
        public Inner Inside;
        public float Real;
        public long Long;
        public ArrayView<double> Found;
        public int Last;

        public static int Threads => 1;

        public readonly void Run()
        {
            ArrayView<double> found = Found;
            found[0] = Small;
            found[1] = Inside.Odd;
            found[2] = Inside.Numbers.Length;
            found[3] = Inside.Numbers[0];
            found[4] = (int)Inside.Kind;
            found[5] = Real;
            found[6] = Long;
            found[7] = found.Length;
            found[8] = Last;
        }
    }
}
