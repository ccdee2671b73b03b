using System.Runtime.InteropServices;
using System.Text;

namespace Detox.Mpi.Messaging;

/// <summary>The C library of an MPI: the functions that Detox calls, with the constants of the library's family.</summary>
/// <remarks>Nothing is compiled against mpi.h: both families' handles fit in a nint. MPICH's are 32-bit numbers, of which
/// a callee reads the lower half; Open MPI's are addresses of symbols that it exports. A handle that a function returns is
/// written to a zeroed nint, so that 4 or 8 written bytes mean the same on a little-endian machine.</remarks>
internal sealed unsafe class MpiLibrary
{
    private const int ThreadSerialized = 2;
    private const int ErrorStringLength = 1024;

    /// <summary>Room for a status of any library: MPICH's has 20 bytes, Open MPI's 24.</summary>
    public const int StatusLength = 128;

    private readonly delegate* unmanaged<int*, byte***, int, int*, int> _initThread;
    private readonly delegate* unmanaged<int> _finalize;
    private readonly delegate* unmanaged<nint, int, int> _abort;
    private readonly delegate* unmanaged<nint, int*, int> _commSize;
    private readonly delegate* unmanaged<nint, int*, int> _commRank;
    private readonly delegate* unmanaged<nint, nint*, int> _commGroup;
    private readonly delegate* unmanaged<nint, int, int*, nint*, int> _groupIncl;
    private readonly delegate* unmanaged<nint*, int> _groupFree;
    private readonly delegate* unmanaged<nint, nint, int, nint*, int> _commCreateGroup;
    private readonly delegate* unmanaged<nint*, int> _commFree;
    private readonly delegate* unmanaged<nint, int, void*, int*, int> _commGetAttr;
    private readonly delegate* unmanaged<nint, nint, int> _commSetErrhandler;
    private readonly delegate* unmanaged<int, byte*, int*, int> _errorString;
    private readonly delegate* unmanaged<int, int*, int> _errorClass;
    private readonly delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int> _isend;
    private readonly delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int> _irecv;
    private readonly delegate* unmanaged<nint*, int*, void*, int> _test;
    private readonly delegate* unmanaged<int, int, nint, int*, void*, int> _iprobe;
    private readonly delegate* unmanaged<void*, nint, int*, int> _getCount;

    private readonly delegate* unmanaged<int, int, int, nint, nint*, int> _typeVector;
    private readonly delegate* unmanaged<nint*, int> _typeCommit;
    private readonly delegate* unmanaged<nint*, int> _typeFree;

    private readonly nint _byte;
    private readonly nint _errorsReturn;
    private readonly int _anySource;
    private readonly int _truncated;
    private readonly int _sourceAt;
    private readonly int _tagLimit;
    private readonly nint _quietAbort;
    private readonly nint _setYields;
    private nint _gappy;
    private byte* _nowhere;

    private MpiLibrary(nint library, string path)
    {
        Path = path;
        Family = FamilyOf(library);
        bool open = Family == MpiFamily.OpenMpi;
        nint Symbol(string name) => NativeLibrary.TryGetExport(library, name, out nint address) ? address
            : throw new DetoxException(ExitCode.Environment, $"{path} has no {name}: it is not an MPI library of version 3 or later. {MpiLocator.Advice(Family)}.");

        World = open ? Symbol("ompi_mpi_comm_world") : 0x44000000;
        _byte = open ? Symbol("ompi_mpi_byte") : 0x4c00010d;
        _errorsReturn = open ? Symbol("ompi_mpi_errors_return") : 0x54000001;
        _anySource = open ? -1 : -2;
        _truncated = open ? 15 : 14;
        _sourceAt = open ? 0 : 8;
        _tagLimit = open ? 0 : 0x64400001;

        _initThread = (delegate* unmanaged<int*, byte***, int, int*, int>)Symbol("MPI_Init_thread");
        _finalize = (delegate* unmanaged<int>)Symbol("MPI_Finalize");
        _abort = (delegate* unmanaged<nint, int, int>)Symbol("MPI_Abort");
        _commSize = (delegate* unmanaged<nint, int*, int>)Symbol("MPI_Comm_size");
        _commRank = (delegate* unmanaged<nint, int*, int>)Symbol("MPI_Comm_rank");
        _commGroup = (delegate* unmanaged<nint, nint*, int>)Symbol("MPI_Comm_group");
        _groupIncl = (delegate* unmanaged<nint, int, int*, nint*, int>)Symbol("MPI_Group_incl");
        _groupFree = (delegate* unmanaged<nint*, int>)Symbol("MPI_Group_free");
        _commCreateGroup = (delegate* unmanaged<nint, nint, int, nint*, int>)Symbol("MPI_Comm_create_group");
        _commFree = (delegate* unmanaged<nint*, int>)Symbol("MPI_Comm_free");
        _commGetAttr = (delegate* unmanaged<nint, int, void*, int*, int>)Symbol("MPI_Comm_get_attr");
        _commSetErrhandler = (delegate* unmanaged<nint, nint, int>)Symbol("MPI_Comm_set_errhandler");
        _errorString = (delegate* unmanaged<int, byte*, int*, int>)Symbol("MPI_Error_string");
        _errorClass = (delegate* unmanaged<int, int*, int>)Symbol("MPI_Error_class");
        _isend = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Symbol("MPI_Isend");
        _irecv = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Symbol("MPI_Irecv");
        _test = (delegate* unmanaged<nint*, int*, void*, int>)Symbol("MPI_Test");
        _iprobe = (delegate* unmanaged<int, int, nint, int*, void*, int>)Symbol("MPI_Iprobe");
        _typeVector = (delegate* unmanaged<int, int, int, nint, nint*, int>)Symbol("MPI_Type_vector");
        _typeCommit = (delegate* unmanaged<nint*, int>)Symbol("MPI_Type_commit");
        _typeFree = (delegate* unmanaged<nint*, int>)Symbol("MPI_Type_free");
        _quietAbort = NativeLibrary.TryGetExport(library, "ompi_mpi_abort", out nint quietAbort) ? quietAbort : 0;
        _setYields = NativeLibrary.TryGetExport(library, "opal_progress_set_yield_when_idle", out nint setYields) ? setYields : 0;
        _getCount = (delegate* unmanaged<void*, nint, int*, int>)Symbol("MPI_Get_count");
    }

    public MpiFamily Family { get; }

    /// <summary>The name or path by which the loader found it.</summary>
    public string Path { get; }

    /// <summary>MPI_COMM_WORLD.</summary>
    public nint World { get; }

    /// <summary>Loads the library that the launcher, or the person by <see cref="MpiLocator.Variable"/>, asks for.</summary>
    /// <exception cref="DetoxException">There is none, or it cannot work under this launcher.</exception>
    public static MpiLibrary Load(Launcher launcher, string? wish)
    {
        (MpiFamily? family, string? file) = MpiLocator.Choose(launcher, wish);
        if (family is null && file is null)
            throw new DetoxException(ExitCode.Environment,
                $"{launcher.Name} started {launcher.Size} tasks and gave them no way to find each other (no PMI variables are set). Start them with srun --mpi=pmix (Open MPI) or srun --mpi=pmi2 (MPICH, Intel MPI); srun --mpi=list shows what this cluster has.");

        // Read while they load. These libraries would take over the signals by which .NET learns of a null reference.
        LibC.SetDefault("UCX_ERROR_SIGNALS", "");
        LibC.SetDefault("OMPI_MCA_opal_signal", "");
        // Where the library itself waits (at the start, in Split and at the end), it should not keep a core either.
        LibC.SetDefault("OMPI_MCA_mpi_yield_when_idle", "1");
        // Where ranks may die without the job, those that are left must not wait for them at the end.
        if (Launcher.RecoversFromDeath) LibC.SetDefault("OMPI_MCA_async_mpi_finalize", "1");
        // MPI looks for the cores through hwloc, which would load every driver of every accelerator on the way: with an
        // OpenCL driver that compiles by LLVM, 60 MB a rank.
        LibC.SetDefault("HWLOC_COMPONENTS", "-opencl,-cuda,-nvml,-rsmi,-levelzero,-gl");
        nint library = 0;
        string path = "";
        List<string> failures = [];
        foreach (string candidate in file is null ? MpiLocator.Candidates(family!.Value) : [file])
        {
            if (TryLoad(candidate, out library, out string failure))
            {
                path = candidate;
                break;
            }
            failures.Add(failure);
        }
        if (library == 0)
        {
            string found = failures.Find(failure => !failure.Contains("No such file", StringComparison.Ordinal)) ?? failures[0];
            throw new DetoxException(ExitCode.Environment, file is null
                ? $"{launcher.Name} started this program, and its library ({MpiLocator.NameOf(family!.Value)}: {string.Join(" or ", MpiLocator.Sonames(family.Value))}) cannot be loaded ({found}). To mend it, {MpiLocator.Advice(family.Value)}."
                : $"{MpiLocator.Variable} names the library {file}, which cannot be loaded ({found}). Give the path of libmpi.so.40, libmpi.so.12 or libmpich.so.12, or unset {MpiLocator.Variable} to let the launcher decide.");
        }

        // Under srun a library of either family may have been built for the PMI that is spoken, so only mpiexec's word is final.
        MpiFamily loaded = FamilyOf(library);
        if (launcher.Kind is LauncherKind.OpenMpi or LauncherKind.Hydra && loaded != launcher.Family)
        {
            throw new DetoxException(ExitCode.Environment,
                $"{launcher.Name} started this program, but the library {path} is {MpiLocator.NameOf(loaded)}: the ranks would not find each other. Unset {MpiLocator.Variable}, or start with the mpiexec of {MpiLocator.NameOf(loaded)} (Debian: {(loaded == MpiFamily.OpenMpi ? "mpiexec.openmpi" : "mpiexec.mpich")}).");
        }
        return new MpiLibrary(library, path);
    }

    /// <summary>The library's own description of itself, without starting MPI.</summary>
    public static string Version(string path)
    {
        if (!TryLoad(path, out nint library, out string failure)) throw new DetoxException(ExitCode.Environment, failure);
        if (!NativeLibrary.TryGetExport(library, "MPI_Get_library_version", out nint address))
            throw new DetoxException(ExitCode.Environment, $"{path} is not an MPI library of version 3 or later");
        byte* text = stackalloc byte[16_384];
        int length = 0;
        int error = ((delegate* unmanaged<byte*, int*, int>)address)(text, &length);
        return error == 0 ? Encoding.UTF8.GetString(text, length).TrimEnd('\0').Trim() : $"MPI_Get_library_version failed with {error}";
    }

    private static bool TryLoad(string path, out nint library, out string failure)
    {
        failure = "";
        library = 0;
        try
        {
            library = NativeLibrary.Load(path);
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            failure = exception.Message.Split('\n').Select(line => line.Trim()).FirstOrDefault(line => line.StartsWith(path, StringComparison.Ordinal))
                ?? $"{path}: cannot be loaded";
            return false;
        }
        LibC.MakeGlobal(path);
        return true;
    }

    private static MpiFamily FamilyOf(nint library)
        => NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out _) ? MpiFamily.OpenMpi : MpiFamily.Mpich;

    /// <summary>Starts MPI. MPI_THREAD_SERIALIZED: one thread at a time calls it, though not always the first thread of the
    /// process; no library takes locks for that.</summary>
    public void Initialize()
    {
        int provided = 0;
        int error = _initThread(null, null, ThreadSerialized, &provided);
        if (error != 0) throw new DetoxException(ExitCode.Environment, $"MPI_Init_thread of {Path} failed with error {error}.");
        if (provided < ThreadSerialized)
            throw new DetoxException(ExitCode.Environment, $"{Path} does not allow calls from several threads in turn (MPI_THREAD_SERIALIZED). Use a build of it with thread support.");
        ReturnErrors(World);
        SetYields(false);
    }

    /// <summary>Where ranks outnumber cores Open MPI gives its core away in every call that finds no message, in case the caller waits in a loop. Whoever waits here
    /// sleeps, and a rank that only looks would come back when the others' time slices are over. It is the library's own loops, in MPI_Finalize, that should yield.</summary>
    private void SetYields(bool yields)
    {
        if (_setYields != 0) _ = ((delegate* unmanaged<byte, byte>)_setYields)(yields ? (byte)1 : (byte)0);
    }

    public void Finish()
    {
        SetYields(true);
        nint gappy = _gappy;
        if (gappy != 0) _ = _typeFree(&gappy);
        _ = _finalize();
    }

    public void Abort(int exitCode) => _ = _abort(World, exitCode);

    /// <summary>Ends the whole job with an exit code, as quietly as the library can.</summary>
    public void EndJob(int exitCode)
    {
        // What MPI_Abort of Open MPI calls, after it has printed that it was called.
        if (_quietAbort != 0) _ = ((delegate* unmanaged<nint, int, int>)_quietAbort)(World, exitCode);
        Abort(exitCode);
    }

    public int Size(nint communicator)
    {
        int size = 0;
        Check(_commSize(communicator, &size), "MPI_Comm_size");
        return size;
    }

    public int Rank(nint communicator)
    {
        int rank = 0;
        Check(_commRank(communicator, &rank), "MPI_Comm_rank");
        return rank;
    }

    /// <summary>A communicator of some ranks of another; only they call this.</summary>
    public nint CreatePart(nint communicator, ReadOnlySpan<int> ranks, int tag)
    {
        nint all = 0;
        nint group = 0;
        nint result = 0;
        Check(_commGroup(communicator, &all), "MPI_Comm_group");
        fixed (int* members = ranks) Check(_groupIncl(all, ranks.Length, members, &group), "MPI_Group_incl");
        Check(_commCreateGroup(communicator, group, tag, &result), "MPI_Comm_create_group");
        Check(_groupFree(&group), "MPI_Group_free");
        Check(_groupFree(&all), "MPI_Group_free");
        ReturnErrors(result);
        return result;
    }

    /// <summary>MPI_TAG_UB.</summary>
    public int LargestTag
    {
        get
        {
            int* value = null;
            int found = 0;
            Check(_commGetAttr(World, _tagLimit, &value, &found), "MPI_Comm_get_attr");
            return found != 0 && value != null ? *value : Communicator.LargestTag + 1;
        }
    }

    public void Free(nint communicator) => Check(_commFree(&communicator), "MPI_Comm_free");

    public nint Isend(byte* bytes, int length, int destination, int tag, nint communicator)
    {
        nint request = 0;
        Check(_isend(bytes, length, _byte, destination, tag, communicator, &request), "MPI_Isend");
        return request;
    }

    public nint Irecv(byte* bytes, int length, int source, int tag, nint communicator)
    {
        nint request = 0;
        Check(_irecv(bytes, length, _byte, source, tag, communicator, &request), "MPI_Irecv");
        return request;
    }

    /// <summary>Starts to receive a message of any length into nothing.</summary>
    /// <remarks>A receive buffer that is too short is safe only where its data type has gaps: into one without, Open MPI 4.1 copies the whole
    /// message over whatever lies behind the buffer, when it fetches it from its sender's memory, and reports the error afterwards.</remarks>
    public nint StartDrop(int source, int tag, nint communicator)
    {
        const int blocks = 8, gap = 2;
        if (_gappy == 0)
        {
            nint type = 0;
            Check(_typeVector(blocks, 1, gap, _byte, &type), "MPI_Type_vector");
            Check(_typeCommit(&type), "MPI_Type_commit");
            _gappy = type;
            _nowhere = (byte*)NativeMemory.AllocZeroed(blocks * gap);
        }

        nint request = 0;
        Check(_irecv(_nowhere, 1, _gappy, source, tag, communicator, &request), "MPI_Irecv");
        return request;
    }

    /// <summary>Whether the request has completed, and with how many bytes; it is freed then.</summary>
    /// <param name="tooLong">What arrived is longer than the room for it, and is lost.</param>
    public bool Test(ref nint request, out int bytes, out bool tooLong)
    {
        tooLong = false;
        byte* status = stackalloc byte[StatusLength];
        int done = 0;
        int count = 0;
        nint handle = request;
        int error = _test(&handle, &done, status);
        request = handle;
        bytes = 0;
        if (error != 0)
        {
            int errorClass = 0;
            tooLong = _errorClass(error, &errorClass) == 0 && errorClass == _truncated;
            if (tooLong) return true;
            Check(error, "MPI_Test");
        }
        if (done == 0) return false;
        Check(_getCount(status, _byte, &count), "MPI_Get_count");
        bytes = Math.Max(count, 0);
        return true;
    }

    /// <summary>Whether a message has come that no receive was posted for; a negative source stands for any.</summary>
    public bool Probe(int source, int tag, nint communicator, out int sender, out int bytes)
    {
        byte* status = stackalloc byte[StatusLength];
        int found = 0;
        int count = 0;
        (sender, bytes) = (-1, 0);

        // Open MPI looks at what has come before and only then for what comes: the second call sees that.
        int looks = Family == MpiFamily.OpenMpi ? 2 : 1;
        for (int look = 0; look < looks && found == 0; look++)
            Check(_iprobe(source < 0 ? _anySource : source, tag, communicator, &found, status), "MPI_Iprobe");
        if (found == 0) return false;
        Check(_getCount(status, _byte, &count), "MPI_Get_count");
        sender = *(int*)(status + _sourceAt);
        bytes = Math.Max(count, 0);
        return true;
    }

    /// <summary>Lets the library move on whatever is under way.</summary>
    public void Progress() => Probe(_anySource, Communicator.LargestTag + 1, World, out _, out _);

    private void ReturnErrors(nint communicator) => Check(_commSetErrhandler(communicator, _errorsReturn), "MPI_Comm_set_errhandler");

    private void Check(int error, string function)
    {
        if (error == 0) return;
        byte* text = stackalloc byte[ErrorStringLength];
        int length = 0;
        string reason = _errorString(error, text, &length) == 0 ? Encoding.UTF8.GetString(text, length).Trim() : $"error {error}";
        throw new DetoxException(ExitCode.Environment, $"{function} of {Path} failed: {reason}");
    }
}
