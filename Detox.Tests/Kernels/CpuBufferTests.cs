using System.Diagnostics;
using Detox.Gpu.Devices.Cpu;
using NUnit.Framework;

namespace Detox.Tests.Kernels;

/// <summary>Memory of the CPU's buffers, which share large pages.</summary>
public sealed unsafe class CpuBufferTests
{
    /// <summary>Buffers come and go in any order, of a float to more than a chunk: each begins as zeros at a cache line, and holds what was written to it alone.</summary>
    [Test]
    public void BuffersAreZerosAndKeepWhatIsWrittenToThem()
    {
        const int rounds = 400, most = 24;
        Random random = new(1);
        List<(CpuBuffer Buffer, float Mark)> held = [];
        for (int round = 1; round <= rounds; round++)
        {
            int length = 1 << random.Next(random.Next(8) == 0 ? 24 : 18);
            CpuBuffer buffer = new(length + random.Next(3));
            Assert.That((long)buffer.Pointer % 64, Is.Zero);
            Span<float> floats = buffer.Floats(0, buffer.Length);
            Assert.That(floats.ContainsAnyExcept(0f), Is.False, $"round {round}: zeros");
            floats.Fill(round);
            held.Add((buffer, round));
            while (held.Count > random.Next(most))
            {
                int which = random.Next(held.Count);
                AssertKept(held[which].Buffer, held[which].Mark);
                held[which].Buffer.Dispose();
                held.RemoveAt(which);
            }
        }

        foreach ((CpuBuffer buffer, float mark) in held)
        {
            AssertKept(buffer, mark);
            buffer.Dispose();
        }
    }

    /// <summary>64 GiB in all: what is gone is given back, of the address space too.</summary>
    [Test]
    public void MemoryIsGivenBack()
    {
        const int length = 1 << 24, times = 1 << 10;
        long before = AddressSpace();
        for (int i = 0; i < times; i++)
        {
            using CpuBuffer buffer = new(length);
            buffer.Floats(0, length)[^1] = 1;
        }

        Assert.That(AddressSpace() - before, Is.LessThan(16L << 30));
    }

    [Test]
    public void ABufferThatIsGoneIsNoMemory()
    {
        CpuBuffer buffer = new(5);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _ = buffer.Pointer);
    }

    [Test]
    public void NoSystemHasSoMuchMemory() => Assert.Throws<OutOfMemoryException>(() => _ = new CpuBuffer(1L << 55));

    private static long AddressSpace()
    {
        using Process process = Process.GetCurrentProcess();
        return process.VirtualMemorySize64;
    }

    private static void AssertKept(CpuBuffer buffer, float mark)
        => Assert.That(buffer.Floats(0, buffer.Length).ContainsAnyExcept(mark), Is.False, $"what was written in round {mark}");
}
