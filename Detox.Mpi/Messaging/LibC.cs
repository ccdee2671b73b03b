using System.Runtime.InteropServices;

namespace Detox.Mpi.Messaging;

/// <summary>The few calls of the C library that .NET does not offer.</summary>
internal static unsafe partial class LibC
{
    private const int FutexWait = 0;
    private const int FutexWake = 1;

    private static readonly (long Futex, long SetRobustList, long GetThread) _calls = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => (202, 273, 186),
        Architecture.Arm64 => (98, 99, 178),
        _ => throw new PlatformNotSupportedException("Detox runs on x64 and Arm64"),
    };

    /// <summary>Sleeps until the word, which several processes may share, is no longer <paramref name="expected"/> and
    /// someone woke it, or until the time is over.</summary>
    public static void WaitOn(int* word, int expected, int microseconds)
    {
        TimeSpec time = new() { Seconds = microseconds / 1_000_000, Nanoseconds = microseconds % 1_000_000 * 1000L };
        _ = SystemCall(_calls.Futex, word, FutexWait, expected, &time);
    }

    /// <summary>The same without an end; a signal may end it too.</summary>
    public static void WaitOn(int* word, int expected) => _ = SystemCall(_calls.Futex, word, FutexWait, expected, null);

    public static void Wake(int* word, int sleepers = 1) => _ = SystemCall(_calls.Futex, word, FutexWake, sleepers, null);

    /// <summary>The number by which the kernel knows this thread.</summary>
    public static int ThreadNumber() => (int)SystemCall(_calls.GetThread, null, 0, 0, null);

    /// <summary>Names the words that the kernel marks when this thread ends, in place of those that the C library named; null for none.</summary>
    public static void SetRobustList(RobustList* list) => _ = SystemCall(_calls.SetRobustList, (int*)list, sizeof(RobustList), 0, null);

    public static void Yield() => _ = SchedYield();

    /// <summary>Fills the set of cores that this thread may run on, a bit each; all zero where the system does not say.</summary>
    public static void GetAffinity(Span<ulong> cores)
    {
        cores.Clear();
        fixed (ulong* set = cores) _ = ScheduledOn(0, (nuint)(cores.Length * sizeof(ulong)), set);
    }

    /// <summary>Lets this thread, and those that it starts, run on these cores, a bit each, as far as they are this job's. False where none is.</summary>
    public static bool SetAffinity(ReadOnlySpan<ulong> cores)
    {
        fixed (ulong* set = cores) return ScheduleOn(0, (nuint)(cores.Length * sizeof(ulong)), set) == 0;
    }

    /// <summary>Sets a variable that only the C libraries of this process see, unless the person has set it.</summary>
    public static void SetDefault(string name, string value) => _ = SetEnvironment(name, value, 0);

    /// <summary>Makes the symbols of a loaded library visible to the plug-ins that it will load, as a C program's own libraries are.</summary>
    public static void MakeGlobal(string path)
    {
        const int LazyGlobalNoLoad = 0x001 | 0x100 | 0x004;
        foreach (string name in (ReadOnlySpan<string>)["libc.so.6", "libdl.so.2"])
        {
            if (NativeLibrary.TryLoad(name, out nint library) && NativeLibrary.TryGetExport(library, "dlopen", out nint open))
            {
                nint text = Marshal.StringToCoTaskMemUTF8(path);
                _ = ((delegate* unmanaged<nint, int, nint>)open)(text, LazyGlobalNoLoad);
                Marshal.FreeCoTaskMem(text);
                return;
            }
        }
    }

    /// <summary>A new file in memory that may be sealed; negative where there is none.</summary>
    public static int CreateMemoryFile(string name, long length)
    {
        const uint closeOnExec = 1, allowSealing = 2;
        int file;
        try
        {
            file = MemoryFile(name, closeOnExec | allowSealing);
        }
        catch (EntryPointNotFoundException)
        {
            return -1;
        }

        if (file >= 0 && Truncate(file, length) == 0) return file;
        if (file >= 0) Close(file);
        return -1;
    }

    /// <summary>Forbids everyone to map the file for writing from now on, to write to it, to change its length, or to take this back.</summary>
    public static bool Seal(int file) => FileControl(file, AddSeals, AllSeals) == 0;

    public static bool IsSealed(int file) => FileControl(file, GetSeals, 0) is var seals && seals >= 0 && (seals & AllSeals) == AllSeals;

    /// <summary>Seals a file in memory against any change by anyone; false where it is still mapped for writing.</summary>
    public static bool Freeze(int file) => FileControl(file, AddSeals, FrozenSeals) == 0;

    public static bool IsFrozen(int file) => FileControl(file, GetSeals, 0) is var seals && seals >= 0 && (seals & FrozenSeals) == FrozenSeals;

    public static long LengthOf(int file) => Seek(file, 0, 2);

    /// <summary>Null where it fails.</summary>
    public static byte* Map(int file, long length, bool writable)
    {
        const int read = 1, write = 2, shared = 1;
        nint address = MapFile(0, (nuint)length, writable ? read | write : read, shared, file, 0);
        return address == -1 ? null : (byte*)address;
    }

    public static void Unmap(byte* memory, long length) => _ = UnmapMemory((nint)memory, (nuint)length);

    public static int OpenForReading(string path)
    {
        const int closeOnExec = 0x80000;
        return OpenFile(path, closeOnExec);
    }

    public static void Close(int file) => _ = CloseFile(file);

    /// <summary>Returns when a folder's names are on the disk.</summary>
    /// <exception cref="IOException">The system refuses.</exception>
    public static void SyncFolder(string path)
    {
        int file = OpenForReading(path);
        bool isDone = file >= 0 && Synchronise(file) == 0;
        string problem = isDone ? "" : Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
        if (file >= 0) Close(file);
        if (!isDone) throw new IOException($"{path} cannot be synchronised: {problem}");
    }

    /// <summary>Whether a process of this machine lives, or has ended and nobody has taken note of it yet.</summary>
    public static bool Exists(int process) => SendSignal(process, 0) == 0;

    /// <summary>Lets a process go on that was stopped.</summary>
    public static void Continue(int process)
    {
        const int signalContinue = 18;
        _ = SendSignal(process, signalContinue);
    }

    /// <summary>The process that has started this one, or has inherited it.</summary>
    public static int Parent() => GetParent();

    /// <summary>Writes by one call of the system.</summary>
    public static void Write(int file, byte* bytes, int length) => _ = WriteFile(file, bytes, (nuint)length);

    /// <summary>By a signal that nothing can catch.</summary>
    public static void EndThisProcess()
    {
        const int signalKill = 9;
        _ = SendSignal(Environment.ProcessId, signalKill);
    }

    private const int AddSeals = 1033;
    private const int GetSeals = 1034;

    /// <summary>F_SEAL_SEAL, SHRINK, GROW and FUTURE_WRITE.</summary>
    private const int AllSeals = 0x1 | 0x2 | 0x4 | 0x10;

    // No further seals, no shorter, no longer, no writing.
    private const int FrozenSeals = 0x1 | 0x2 | 0x4 | 0x8;

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    private static partial int Truncate(int file, long length);

    [LibraryImport("libc", EntryPoint = "lseek")]
    private static partial long Seek(int file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int FileControl(int file, int command, long argument);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint MapFile(nint address, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int UnmapMemory(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Synchronise(int file);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int CloseFile(int file);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint WriteFile(int file, byte* bytes, nuint length);

    [LibraryImport("libc", EntryPoint = "getppid")]
    private static partial int GetParent();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int process, int signal);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SystemCall(long number, int* word, long operation, long value, TimeSpec* time);

    [LibraryImport("libc", EntryPoint = "sched_yield")]
    private static partial int SchedYield();

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int ScheduledOn(int process, nuint length, ulong* set);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int ScheduleOn(int process, nuint length, ulong* set);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    /// <summary>struct robust_list_head: the head of a ring of pointers.</summary>
    /// <param name="First">The first pointer of the ring; the last one leads back here.</param>
    /// <param name="Offset">From a pointer of the ring to its word, in bytes.</param>
    /// <param name="Pending">A pointer that is about to be put into the ring; null for none.</param>
    public readonly record struct RobustList(nint First, nint Offset, nint Pending);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
