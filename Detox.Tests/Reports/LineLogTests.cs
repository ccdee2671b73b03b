using System.Text;
using Detox.Mpi.Reports;
using NUnit.Framework;

namespace Detox.Tests.Reports;

/// <summary>A log that holds whole lines only, on a stream that takes a part of a write and fails.</summary>
public sealed class LineLogTests
{
    private const string Header = "step,rank\n";
    private static readonly string[][] _steps = [["0,7", "0,12"], ["1,3"], [], ["3,44", "3,9"]];

    /// <summary>Room for every number of bytes, and so a failure at every byte of every line.</summary>
    [Test]
    public void AFullDiskLeavesTheStepsThatFitAndSaysSoOnce()
    {
        string all = Header + string.Concat(_steps.Select(Text));
        for (int room = Header.Length; room <= all.Length; room++)
        {
            SmallDisk disk = new(room);
            List<string> warnings = Fill(disk, out _);
            string fits = Header;
            foreach (string[] step in _steps.TakeWhile(step => fits.Length + Text(step).Length <= room)) fits += Text(step);
            Assert.That(disk.Text, Is.EqualTo(fits), $"room for {room} bytes");
            Assert.That(warnings, Has.Count.EqualTo(fits == all ? 0 : 1), $"room for {room} bytes");
        }
    }

    [Test]
    public void TheWarningNamesTheFileTheReasonAndTheConsequence()
    {
        string warning = Fill(new SmallDisk(Header.Length + 3), out _).Single();
        Assert.That(warning, Does.Contain("some.csv").And.Contain(SmallDisk.Reason).And.Contain("last whole line").And.Contain("exit code will be 1"));
    }

    [Test]
    public void NothingFollowsAHoleEvenIfThereIsRoomAgain()
    {
        SmallDisk disk = new(Header.Length + 3);
        Fill(disk, out LineLog log);
        disk.Room = 1000;
        log.Add("4,5");
        log.Commit();
        Assert.That(disk.Text, Is.EqualTo(Header));
    }

    [Test]
    public void AFileThatCannotBeCutBackIsSaidToBeTorn()
    {
        SmallDisk disk = new(Header.Length + 3) { CanCut = false };
        Assert.That(Fill(disk, out _).Single(), Does.Contain("may be torn"));
    }

    [Test]
    public void AHeaderThatDoesNotFitIsTheCallersError()
        => Assert.Throws<IOException>(() => _ = new LineLog(new SmallDisk(Header.Length - 1), "some.csv", Header.TrimEnd(), new Losses(_ => { })));

    [Test]
    public void AStepIsOneWriteAndNoneWhereThereIsNothingToSay()
    {
        SmallDisk disk = new(1000);
        Fill(disk, out _);
        Assert.That(disk.Writes, Is.EqualTo(1 + _steps.Count(step => step.Length > 0)));
    }

    [Test]
    public void ACommittedLineIsInTheFileWhileTheLogIsOpen()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Guid.NewGuid():N}.csv");
        using LineLog log = LineLog.Create(path, "a", new Losses(_ => { }));
        log.Add("1");
        Assert.That(File.ReadAllText(path), Is.EqualTo("a\n"));
        log.Commit();
        Assert.That(File.ReadAllText(path), Is.EqualTo("a\n1\n"));
    }

    [Test]
    public void AFileOfAnotherIsNotOverwritten()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Guid.NewGuid():N}.csv");
        File.WriteAllText(path, "somebody else's");
        Assert.Throws<IOException>(() => LineLog.Create(path, "a", new Losses(_ => { })));
        Assert.That(File.ReadAllText(path), Is.EqualTo("somebody else's"));
    }

    private static List<string> Fill(SmallDisk disk, out LineLog log)
    {
        List<string> warnings = [];
        log = new LineLog(disk, "some.csv", Header.TrimEnd(), new Losses(warnings.Add));
        foreach (string[] step in _steps)
        {
            foreach (string line in step) log.Add(line);
            log.Commit();
        }

        log.Complete();
        return warnings;
    }

    private static string Text(string[] step) => string.Concat(step.Select(line => line + "\n"));

    /// <summary>A file as the system writes it: what there is room for arrives, then the write fails.</summary>
    private sealed class SmallDisk(int room) : MemoryStream
    {
        public const string Reason = "No space left on device";

        public int Room { get; set; } = room;

        public bool CanCut { get; init; } = true;

        public int Writes { get; private set; }

        public string Text => Encoding.UTF8.GetString(ToArray());

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            Writes++;
            int fits = Math.Min(buffer.Length, Room - (int)Length);
            base.Write(buffer[..fits]);
            if (fits < buffer.Length) throw new IOException(Reason);
        }

        public override void SetLength(long value)
        {
            if (!CanCut) throw new IOException(Reason);
            base.SetLength(value);
        }
    }
}
