using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>The memory in which vectors arrive.</summary>
public sealed class VectorSlotTests
{
    [TestCase(1)]
    [TestCase(16)]
    [TestCase(17)]
    [TestCase(100)]
    public void EachSlotIsMemoryOfItsOwn(int floats)
    {
        const int count = 3;
        using CpuDevice device = new(1);
        using VectorSlots slots = new(device, count, floats);
        List<VectorSlot> taken = [];
        while (slots.TryTake() is { } slot) taken.Add(slot);
        Assert.That(taken, Has.Count.EqualTo(count));
        for (int i = 0; i < count; i++)
        {
            Assert.That(taken[i].Message.Length, Is.EqualTo(Head.Floats + floats), "a head and a vector");
            Assert.That(taken[i].Payload.Offset % Head.Floats, Is.Zero, "a payload begins where a cache line does");
            taken[i].Message.Span.Fill(i + 1);
        }

        float[] all = new float[slots.Memory.Length];
        device.Read(slots.Memory, all);
        for (int i = 0; i < count; i++)
        {
            Assert.That(taken[i].Floats.ToArray(), Is.EqualTo(Enumerable.Repeat(i + 1f, floats)), "what others received is not in it");
            Assert.That(all.AsSpan((int)taken[i].Payload.Offset, floats).ToArray(), Is.EqualTo(taken[i].Floats.ToArray()), "where the rules read it");
        }
    }

    [Test]
    public void TheLastOneGivenBackIsTheFirstOneTaken()
    {
        using CpuDevice device = new(1);
        using VectorSlots slots = new(device, 3, 10);
        VectorSlot first = slots.TryTake()!, second = slots.TryTake()!;
        Assert.That(first.Payload.Offset, Is.LessThan(second.Payload.Offset), "memory that nobody needs is never touched");
        slots.GiveBack(first);
        slots.GiveBack(second);
        Assert.That(slots.TryTake(), Is.SameAs(second));
        Assert.That(slots.TryTake(), Is.SameAs(first));
        Assert.That((slots.TryTake() is null, slots.TryTake() is null), Is.EqualTo((false, true)));
    }

    [Test]
    public void ASlotIsFreeWhenItsLastHolderHasGivenItBack()
    {
        using CpuDevice device = new(1);
        using VectorSlots slots = new(device, 1, 10);
        VectorSlot slot = slots.TryTake()!;
        slot.Digest = new PayloadDigest(default, []);
        Assert.That(slots.Hold(slot), Is.SameAs(slot));
        Assert.That(slots.TryHold(slot.Address), Is.SameAs(slot));
        Assert.That(slots.TryHold(slot.Address + sizeof(float)), Is.Null, "there begins none");
        for (int holder = 0; holder < 3; holder++)
        {
            Assert.That(slots.TryTake(), Is.Null);
            slots.GiveBack(slot);
        }

        Assert.That(slots.TryHold(slot.Address), Is.Null, "nobody holds it");
        Assert.That(slots.TryTake(), Is.SameAs(slot));
        Assert.That(slot.Digest, Is.Null, "of what was in it before");
    }
}
