namespace Detox.Tests.Ptx;

/// <summary>The buffers of this process's memory that kernels may read and write.</summary>
internal sealed unsafe class GlobalMemory : Space
{
    // Sorted by address, none overlapping another.
    private readonly List<Buffer> _buffers = [];
    private uint _launch;
    private bool _looksForRaces;

    /// <summary>Adds a buffer, joined with those that it overlaps.</summary>
    public void Add(nint address, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes == 0) return;
        ulong start = (ulong)address, end = start + (ulong)bytes;
        foreach (Buffer buffer in _buffers.Where(buffer => buffer.Start < end && buffer.End > start).ToArray())
        {
            if (buffer.Start <= start && buffer.End >= end) return;
            start = Math.Min(start, buffer.Start);
            end = Math.Max(end, buffer.End);
            _buffers.Remove(buffer);
        }

        int at = _buffers.FindIndex(buffer => buffer.Start > start);
        _buffers.Insert(at < 0 ? _buffers.Count : at, new Buffer(start, end));
    }

    public void Clear() => _buffers.Clear();

    public void BeginLaunch(bool looksForRaces)
    {
        _looksForRaces = looksForRaces;
        _launch++;
    }

    public override ref byte At(Warp warp, int lane, ulong address, int bytes, bool isWritten)
    {
        CheckAlignment(warp, lane, address, bytes);
        Buffer buffer = Find(address, (ulong)bytes) ?? throw warp.FaultOf(lane, $"{bytes} bytes at {address:X} of global memory are outside every buffer{Nearest(address)}");
        if (_looksForRaces) buffer.Note(warp, lane, _launch, address, bytes, isWritten);
        return ref *(byte*)address;
    }

    private Buffer? Find(ulong address, ulong bytes)
    {
        int low = 0, high = _buffers.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            Buffer buffer = _buffers[middle];
            if (address < buffer.Start) high = middle - 1;
            else if (address >= buffer.End) low = middle + 1;
            else return address + bytes <= buffer.End ? buffer : null;
        }

        return null;
    }

    private string Nearest(ulong address)
    {
        Buffer? before = _buffers.LastOrDefault(buffer => buffer.Start <= address);
        Buffer? after = _buffers.FirstOrDefault(buffer => buffer.Start > address);
        string behind = before is null ? string.Empty : $"; byte {address - before.Start} of one that has {before.End - before.Start}";
        return behind + (after is null ? string.Empty : $"; {after.Start - address} bytes before one that has {after.End - after.Start}");
    }

    /// <summary>A buffer, with who wrote and who read each of its words in a launch; what is shorter counts as its word.</summary>
    private sealed class Buffer(ulong start, ulong end)
    {
        private const uint Several = uint.MaxValue;

        // 1 + the thread's number in the launch.
        private uint[] _writers = [], _readers = [];
        private uint _launch;

        public ulong Start => start;

        public ulong End => end;

        public void Note(Warp warp, int lane, uint launch, ulong address, int bytes, bool isWritten)
        {
            if (_launch != launch) Begin(launch);
            uint me = (uint)warp.ThreadOfLaunch(lane) + 1;
            int last = (int)((address + (ulong)bytes - 1 - (start & ~3ul)) / 4);
            for (int word = (int)((address - (start & ~3ul)) / 4); word <= last; word++)
            {
                ref uint writer = ref _writers[word], reader = ref _readers[word];
                if (writer != 0 && writer != me) throw Race(warp, lane, address, isWritten ? "is written, and was written" : "is read, and was written", writer);
                if (isWritten && reader != 0 && reader != me) throw Race(warp, lane, address, "is written, and was read", reader);
                if (isWritten) writer = me;
                else reader = reader == 0 || reader == me ? me : Several;
            }
        }

        private void Begin(uint launch)
        {
            _launch = launch;
            if (_writers.Length == 0) (_writers, _readers) = (new uint[((end - start) / 4) + 2], new uint[((end - start) / 4) + 2]);
            Array.Clear(_writers);
            Array.Clear(_readers);
        }

        private PtxFault Race(Warp warp, int lane, ulong address, string what, uint other)
        {
            string who = other == Several ? "several threads" : $"thread {other - 1} of the launch";
            return warp.FaultOf(lane, $"a race: global memory at byte {address - start} of a buffer {what} by {who}");
        }
    }
}
