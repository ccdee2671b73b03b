using System.IO.MemoryMappedFiles;
using Detox.Mpi.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>Memory that its maker writes and nobody else.</summary>
public sealed class SealedMemoryTests
{
    private const int Length = 10_000;

    private SealedMemory _made = null!;

    private static int Self => Environment.ProcessId;

    private string Path => $"/proc/self/fd/{_made.File}";

    [SetUp]
    public void Make()
    {
        if (!OperatingSystem.IsLinux() || Environment.OSVersion.Version < new Version(5, 1)) Assert.Ignore("this kernel has no F_SEAL_FUTURE_WRITE");
        _made = SealedMemory.TryCreate(Length)!;
        Assert.That(_made, Is.Not.Null);
    }

    [TearDown]
    public void Close() => _made?.Dispose();

    [Test]
    public void WhatIsFrozenNobodyChanges()
    {
        byte[] first = [1, 2, 3], second = [4];
        using SealedMemory frozen = SealedMemory.TryFreeze([first, second])!;
        Assert.That(frozen.Bytes.ToArray(), Is.EqualTo((byte[])[1, 2, 3, 4]));
        using (SealedMemory? opened = SealedMemory.TryOpenFrozen(Self, frozen.File, 4)) Assert.That(opened?.Memory.ToArray(), Is.EqualTo((byte[])[1, 2, 3, 4]));
        unsafe
        {
            Assert.That(LibC.Map(frozen.File, 4, writable: true) == null, "its maker maps it for writing");
        }

        Assert.That(() => File.WriteAllBytes($"/proc/self/fd/{frozen.File}", [9, 9, 9, 9]), Throws.InstanceOf<IOException>().Or.InstanceOf<UnauthorizedAccessException>());
        Assert.That(frozen.Bytes.ToArray(), Is.EqualTo((byte[])[1, 2, 3, 4]));
        Assert.That(SealedMemory.TryOpenFrozen(Self, frozen.File, 5), Is.Null, "another length");
        Assert.That(SealedMemory.TryOpenFrozen(Self, _made.File, Length), Is.Null, "its maker can change it");
        frozen.CloseFile();
        Assert.That(frozen.Bytes[3], Is.EqualTo(4), "the memory stays");
    }

    [Test]
    public void AReaderSeesWhatItsMakerWritesLater()
    {
        using SealedMemory? reader = SealedMemory.TryOpen(Self, _made.File, Length);
        Assert.That(reader, Is.Not.Null);
        Assert.That(reader!.Bytes.Length, Is.EqualTo(Length));
        Assert.That(reader.Bytes.IndexOfAnyExcept((byte)0), Is.Negative, "zero at first");
        for (byte value = 1; value <= 2; value++)
        {
            _made.Writable.Span.Fill(value);
            Assert.That(reader.Bytes.IndexOfAnyExcept(value), Is.Negative);
        }

        Assert.Throws<InvalidOperationException>(() => _ = reader.Writable);
    }

    [Test]
    public void NobodyElseWrites()
    {
        using FileStream file = new(Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        AssertRefused(() => file.Write([1]), "write");
        AssertRefused(() => file.SetLength(Length - 1), "made shorter");
        AssertRefused(() => file.SetLength(Length + 1), "made longer");
        Assert.That(file.Length, Is.EqualTo(Length));
        Assert.That(_made.Bytes.IndexOfAnyExcept((byte)0), Is.Negative);
    }

    [Test]
    public void NobodyElseMapsItForWriting()
    {
        using FileStream file = new(Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        AssertRefused(
            () =>
            {
                using MemoryMappedFile map = MemoryMappedFile.CreateFromFile(file, null, Length, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
                using MemoryMappedViewAccessor view = map.CreateViewAccessor(0, Length);
                view.Write(0, (byte)1);
            },
            "mapped");
        Assert.That(_made.Bytes[0], Is.Zero);
    }

    [Test]
    public void TheSealStays()
    {
        // A seal more, or the same ones again: both need that sealing itself were still allowed.
        Assert.That(LibC.IsSealed(_made.File), Is.True);
        Assert.That(LibC.Seal(_made.File), Is.False);
    }

    [Test]
    public void WhatIsNotSealedIsRefused()
    {
        int file = LibC.CreateMemoryFile("unsealed", Length);
        Assert.That(file, Is.Not.Negative);
        try
        {
            Assert.That(SealedMemory.TryOpen(Self, file, Length), Is.Null);
            Assert.That(LibC.Seal(file), Is.True);
            using SealedMemory? now = SealedMemory.TryOpen(Self, file, Length);
            Assert.That(now, Is.Not.Null, "nothing but the seal was missing");
        }
        finally
        {
            LibC.Close(file);
        }
    }

    [Test]
    public void WhatIsShorterThanPromisedIsRefused() => Assert.That(SealedMemory.TryOpen(Self, _made.File, Length + 1), Is.Null);

    [Test]
    public void WhatIsNotThereIsRefused()
    {
        int file = _made.File;
        _made.Dispose();
        Assert.That(SealedMemory.TryOpen(Self, file, Length), Is.Null);
    }

    private static void AssertRefused(Action action, string what)
        => Assert.That(action, Throws.InstanceOf<IOException>().Or.InstanceOf<UnauthorizedAccessException>(), what);
}
