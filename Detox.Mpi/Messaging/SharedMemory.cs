using System.IO.Hashing;
using System.IO.MemoryMappedFiles;
using System.Text;

namespace Detox.Mpi.Messaging;

/// <summary>Memory that the ranks of one node map: a file in /dev/shm whose name is gone as soon as all have it open.</summary>
/// <remarks>MPI has such memory too (MPI_Win_allocate_shared), but where ranks outnumber cores its making takes seconds:
/// 7 s for 45 ranks on 2 cores with MPICH 4.0, which spins through a dozen collective operations.</remarks>
internal sealed unsafe class SharedMemory : IDisposable
{
    private const string Folder = "/dev/shm";

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly string _path;

    private SharedMemory(string path, FileMode mode, long length)
    {
        _path = path;
        FileStreamOptions options = new()
        {
            Mode = mode,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            // Reserved now: where /dev/shm is full this fails, and not the first write to a page.
            PreallocationSize = mode == FileMode.CreateNew ? length : 0,
        };
        if (mode == FileMode.CreateNew && !OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        FileStream stream = new(path, options);
        if (mode == FileMode.CreateNew) stream.SetLength(length);
        _file = MemoryMappedFile.CreateFromFile(stream, null, length, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: false);
        _view = _file.CreateViewAccessor(0, length);
        byte* memory = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref memory);
        Memory = memory;
    }

    /// <summary>Zero at first.</summary>
    public byte* Memory { get; }

    /// <summary>What ranks that can share memory have in common: the booted system, and the place that /dev/shm is in it and the
    /// numbers of its processes, which containers may have for themselves.</summary>
    public static ulong Place()
    {
        string boot = File.Exists("/proc/sys/kernel/random/boot_id") ? File.ReadAllText("/proc/sys/kernel/random/boot_id") : Environment.MachineName;
        string[] mounts = File.Exists("/proc/self/mountinfo") ? File.ReadAllLines("/proc/self/mountinfo") : [];
        // The third field is the number of the mounted device, which every mounted tmpfs has for itself.
        string device = mounts.Select(line => line.Split(' ')).LastOrDefault(fields => fields.Length > 4 && fields[4] == Folder)?[2] ?? "";
        string processes = new FileInfo("/proc/self/ns/pid").LinkTarget ?? "";
        return XxHash3.HashToUInt64(Encoding.UTF8.GetBytes($"{boot} {device} {processes}"));
    }

    /// <summary>Makes memory, or opens what another rank made by this name. Null where this system cannot.</summary>
    public static SharedMemory? TryOpen(ulong name, bool create, long length)
    {
        try
        {
            return new SharedMemory(Path.Combine(Folder, $"detox-{name:x16}"), create ? FileMode.CreateNew : FileMode.Open, length);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Removes the name; the memory goes with the last rank that has it open.</summary>
    public void Unlink() => File.Delete(_path);

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
