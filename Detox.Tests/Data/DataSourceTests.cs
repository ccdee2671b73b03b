using Detox.Mpi.Data;
using NUnit.Framework;

namespace Detox.Tests.Data;

[TestFixture]
internal sealed class DataSourceTests
{
    [Test]
    public void MissingFolderNamesTheBuiltInSets() => TempFolder.Refuses("/no/such/folder", "/no/such/folder", "digits", "found neither");

    [Test]
    public void EmptyNameIsRefused() => TempFolder.Refuses("", "found neither");

    [Test]
    public void NamesOfBuiltInSetsAreExact() => TempFolder.Refuses("Digits", "digits");

    [Test]
    public void EmptyFolder()
    {
        using var folder = new TempFolder();
        folder.Refuses(folder.Path, "train-images-idx3-ubyte", "data_batch_1.bin", "an empty folder", "digits");
    }

    [Test]
    public void FileInsteadOfFolder()
    {
        using var folder = new TempFolder();
        TempFolder.Refuses(folder.Write("x.bin", [1]), "x.bin", "expected a folder", "found a file");
    }

    [Test]
    public void FolderOfOtherFilesShowsSomeOfThem()
    {
        using var folder = new TempFolder();
        for (int i = 0; i < 8; i++) folder.Write($"holiday{i}.jpg", [1]);
        folder.Refuses("holiday0.jpg, holiday1.jpg", "and 3 more");
    }

    [Test]
    public void FolderOfBothFormats()
    {
        using var folder = new TempFolder();
        folder.WriteIdx("train", 5);
        folder.Write("test_batch.bin", new byte[3073]);
        folder.Refuses("found both");
    }

    [Test]
    public void EveryBuiltInSetOpens()
    {
        foreach (string name in DataSource.Known.Names) Assert.That(DataSource.Open(name, 1).Training.Count, Is.GreaterThan(0));
    }
}
