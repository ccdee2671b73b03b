namespace Detox.Tests.Ptx;

/// <summary>A memory with addresses of its own.</summary>
internal abstract class Space
{
    /// <summary>The memory at an address, after all checks.</summary>
    public abstract ref byte At(Warp warp, int lane, ulong address, int bytes, bool isWritten);

    protected static void CheckAlignment(Warp warp, int lane, ulong address, int bytes)
    {
        if ((address & (ulong)(bytes - 1)) != 0) throw warp.FaultOf(lane, $"the address {address:X} is no multiple of {bytes}");
    }
}

/// <summary>The memories that a warp sees.</summary>
internal sealed record Spaces(Space Global, Space Shared, Space Local, Space Parameters);

/// <summary>The block of a launch's parameters.</summary>
internal sealed class ParameterSpace(PtxKernel kernel, byte[] block) : Space
{
    public override ref byte At(Warp warp, int lane, ulong address, int bytes, bool isWritten)
    {
        CheckAlignment(warp, lane, address, bytes);
        foreach (Parameter parameter in kernel.Parameters)
        {
            if (address >= (ulong)parameter.Offset && address + (ulong)bytes <= (ulong)(parameter.Offset + parameter.Bytes)) return ref block[address];
        }

        throw warp.FaultOf(lane, $"{bytes} bytes at {address} of the parameters are not inside one of them");
    }
}

/// <summary>The local arrays of a warp's threads.</summary>
internal sealed class LocalSpace(Layout layout) : Space
{
    private readonly bool[] _inside = layout.Inside();
    private readonly byte[] _bytes = new byte[layout.Bytes * Warp.Lanes];
    private readonly bool[] _written = new bool[layout.Bytes * Warp.Lanes];

    public void Begin() => Array.Clear(_written);

    public override ref byte At(Warp warp, int lane, ulong address, int bytes, bool isWritten)
    {
        CheckAlignment(warp, lane, address, bytes);
        if (address >= (ulong)_inside.Length || !_inside[address] || !_inside[(int)address + bytes - 1])
            throw warp.FaultOf(lane, $"the address {address:X} is outside the arrays of local memory");
        int at = (_inside.Length * lane) + (int)address;
        if (isWritten) _written.AsSpan(at, bytes).Fill(true);
        else if (_written.AsSpan(at, bytes).Contains(false)) throw warp.FaultOf(lane, $"local memory at {address:X} is read and was never written");
        return ref _bytes[at];
    }
}

/// <summary>The shared arrays of a group, with who wrote and who read each byte since the last barrier.</summary>
/// <remarks>Only a barrier of the group orders what its threads do: that threads of one warp run in step orders nothing, and
/// <c>bar.warp.sync</c> is not counted on either.</remarks>
internal sealed class SharedSpace(Layout layout) : Space
{
    private const uint Threads = 2048;

    // Stands for a reader where there are several.
    private const uint Several = Threads - 1;

    private readonly bool[] _inside = layout.Inside();
    private readonly byte[] _bytes = new byte[layout.Bytes];

    // (the number of barriers until then, from 1) * Threads + the thread; 0 is never.
    private readonly uint[] _writers = new uint[layout.Bytes], _readers = new uint[layout.Bytes];
    private uint _era;

    public void Begin()
    {
        Array.Clear(_writers);
        Array.Clear(_readers);
        _era = Threads;
    }

    public void Barrier() => _era = checked(_era + Threads);

    public override ref byte At(Warp warp, int lane, ulong address, int bytes, bool isWritten)
    {
        CheckAlignment(warp, lane, address, bytes);
        if (address >= (ulong)_inside.Length || !_inside[address] || !_inside[(int)address + bytes - 1])
            throw warp.FaultOf(lane, $"the address {address:X} is outside the arrays of shared memory");
        int at = (int)address;
        uint me = _era + (uint)warp.ThreadOf(lane);
        Span<uint> writers = _writers.AsSpan(at, bytes), readers = _readers.AsSpan(at, bytes);
        if (isWritten)
        {
            for (int i = 0; i < bytes; i++)
            {
                if (writers[i] >= _era && writers[i] != me) throw Race(warp, lane, address, "is written, and was written", writers[i]);
                if (readers[i] >= _era && readers[i] != me) throw Race(warp, lane, address, "is written, and was read", readers[i]);
                writers[i] = me;
            }
        }
        else
        {
            for (int i = 0; i < bytes; i++)
            {
                if (writers[i] == 0) throw warp.FaultOf(lane, $"shared memory at {address:X} is read and was never written");
                if (writers[i] >= _era && writers[i] != me) throw Race(warp, lane, address, "is read, and was written", writers[i]);
                readers[i] = readers[i] >= _era && readers[i] != me ? _era + Several : me;
            }
        }

        return ref _bytes[at];
    }

    private static PtxFault Race(Warp warp, int lane, ulong address, string what, uint other)
    {
        string who = other % Threads == Several ? "several threads" : $"thread {other % Threads} of the group";
        return warp.FaultOf(lane, $"a race: shared memory at {address:X} {what} by {who} since the last barrier");
    }
}
