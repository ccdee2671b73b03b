using System.Runtime.InteropServices;

namespace Detox.Mpi.Messaging;

/// <summary>The few calls of the C library that .NET does not offer.</summary>
internal static unsafe partial class LibC
{
    private const int FutexWait = 0;
    private const int FutexWake = 1;

    private static readonly long _futex = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 202,
        Architecture.Arm64 => 98,
        _ => throw new PlatformNotSupportedException("Detox runs on x64 and Arm64"),
    };

    /// <summary>Sleeps until the word, which several processes may share, is no longer <paramref name="expected"/> and
    /// someone woke it, or until the time is over.</summary>
    public static void WaitOn(int* word, int expected, int microseconds)
    {
        TimeSpec time = new() { Seconds = microseconds / 1_000_000, Nanoseconds = microseconds % 1_000_000 * 1000L };
        _ = SystemCall(_futex, word, FutexWait, expected, &time);
    }

    public static void Wake(int* word) => _ = SystemCall(_futex, word, FutexWake, 1, null);

    public static void Yield() => _ = SchedYield();

    /// <summary>Fills the set of cores that this thread may run on, a bit each; all zero where the system does not say.</summary>
    public static void GetAffinity(Span<ulong> cores)
    {
        cores.Clear();
        fixed (ulong* set = cores) _ = ScheduledOn(0, (nuint)(cores.Length * sizeof(ulong)), set);
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

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SystemCall(long number, int* word, long operation, long value, TimeSpec* time);

    [LibraryImport("libc", EntryPoint = "sched_yield")]
    private static partial int SchedYield();

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int ScheduledOn(int process, nuint length, ulong* set);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
