using System.Runtime.InteropServices;
using Detox.Mpi.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>What those learn that wait for a lock. A thread that ends with it is to the kernel what a process is that is killed.</summary>
public sealed unsafe class RobustLockTests
{
    private static readonly TimeSpan _soon = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _moment = TimeSpan.FromMilliseconds(100);

    private RobustLock* _lock;
    private Task<bool> _waiting = null!;

    [SetUp]
    public void Make()
    {
        _lock = (RobustLock*)NativeMemory.AllocZeroed((nuint)sizeof(RobustLock));
        _waiting = Task.Factory.StartNew(() => RobustLock.AwaitEnd(_lock), TaskCreationOptions.LongRunning);
    }

    [TearDown]
    public void Free()
    {
        // Memory that somebody still waits for stays.
        RobustLock.Leave(_lock);
        if (_waiting.Wait(_soon)) NativeMemory.Free(_lock);
    }

    [Test]
    public void AHolderThatEndsHasDied()
    {
        using ManualResetEventSlim ends = new();
        Thread holder = Hold(() => ends.Wait());
        Assert.That(_waiting.Wait(_moment), Is.False, "its holder lives");
        ends.Set();
        holder.Join();
        Assert.That(_waiting.Wait(_soon), Is.True);
        Assert.That(_waiting.Result, Is.True);
    }

    [Test]
    public void WhoComesAfterADeathLearnsOfIt()
    {
        // The kernel wakes one that waits, so the other one comes once it has.
        Hold(static () => { }).Join();
        Assert.That(_waiting.Wait(_soon), Is.True);
        Assert.That(RobustLock.AwaitEnd(_lock), Is.True);
    }

    [Test]
    public void AHolderThatHasLeftMayEnd()
    {
        using ManualResetEventSlim ends = new();
        Thread holder = Hold(() => ends.Wait());
        RobustLock.Leave(_lock);
        Assert.That(_waiting.Wait(_soon), Is.True);
        ends.Set();
        holder.Join();
        Assert.That((_waiting.Result, RobustLock.AwaitEnd(_lock)), Is.EqualTo((false, false)));
    }

    [Test]
    public void WhatWasLeftBeforeItWasHeldStaysSo()
    {
        RobustLock.Leave(_lock);
        Hold(static () => { }).Join();
        Assert.That(_waiting.Wait(_soon), Is.True);
        Assert.That((_waiting.Result, RobustLock.AwaitEnd(_lock)), Is.EqualTo((false, false)));
    }

    [Test]
    public void NobodyLooksForWhatWasLetGo()
    {
        Hold(RobustLock.LetGo).Join();
        Assert.That(_waiting.Wait(_moment), Is.False);
    }

    /// <summary>Returns once a new thread holds the lock.</summary>
    private Thread Hold(Action then)
    {
        using ManualResetEventSlim holds = new();
        Thread holder = new(() =>
        {
            RobustLock.Hold(_lock);
            holds.Set();
            then();
        });
        holder.Start();
        holds.Wait();
        return holder;
    }
}
