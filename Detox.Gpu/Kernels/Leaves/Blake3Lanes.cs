using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Detox.Gpu.Digests;

namespace Detox.Gpu.Kernels;

/// <summary>Chunks and nodes of <see cref="Blake3"/>, as many at once as a vector has lanes: the same bits at every width.</summary>
internal static unsafe class Blake3Lanes
{
    /// <summary>Chaining values of the chunks of some floats, none of which is the root.</summary>
    /// <param name="lanes">The most at once: 16, 8, 4 or 1.</param>
    /// <param name="from">The floats' bits; the last chunk may be shorter than <see cref="Blake3.ChunkWords"/>.</param>
    /// <param name="first">The first chunk's number.</param>
    /// <param name="values">Eight words a chunk.</param>
    /// <returns>Whether all floats are finite.</returns>
    public static bool Chunks(int lanes, uint* from, int words, uint first, uint* values)
    {
        int whole = words / Blake3.ChunkWords, done = 0;
        uint largest = 0;
        if (lanes >= 16) WholeChunks<WordLanes512, Vector512<uint>>(from, whole, first, values, ref done, ref largest);
        if (lanes >= 8) WholeChunks<WordLanes256, Vector256<uint>>(from, whole, first, values, ref done, ref largest);
        if (lanes >= 4) WholeChunks<WordLanes128, Vector128<uint>>(from, whole, first, values, ref done, ref largest);
        WholeChunks<WordLanes32, uint>(from, whole, first, values, ref done, ref largest);
        int rest = words % Blake3.ChunkWords;
        if (rest > 0) Chunk<WordLanes32, uint>(from + (whole * Blake3.ChunkWords), rest, first + (uint)whole, values + (whole * Blake3.DigestWords), ref largest);

        // An exponent of all ones is an infinity or a NaN: without its sign it is at least that of infinity.
        return largest < 0x7F800000;
    }

    /// <summary>One level of the tree: each two values become their node's, none of which is the root; one that is left over stays.</summary>
    /// <param name="values">Eight words each; the level above takes their place.</param>
    /// <returns>How many the level above has.</returns>
    public static int Join(int lanes, uint* values, int count)
    {
        int pairs = count / 2, done = 0;
        if (lanes >= 16) Nodes<WordLanes512, Vector512<uint>>(values, pairs, ref done);
        if (lanes >= 8) Nodes<WordLanes256, Vector256<uint>>(values, pairs, ref done);
        if (lanes >= 4) Nodes<WordLanes128, Vector128<uint>>(values, pairs, ref done);
        Nodes<WordLanes32, uint>(values, pairs, ref done);
        if (count % 2 == 0) return pairs;
        for (int i = 0; i < Blake3.DigestWords; i++) values[(pairs * Blake3.DigestWords) + i] = values[(2 * pairs * Blake3.DigestWords) + i];
        return pairs + 1;
    }

    /// <summary>All levels above some values: the value of the one node that is left, or, where that is the root, the message's hash. A value alone stays as it is.</summary>
    /// <param name="values">32 bytes each; what is between takes their place.</param>
    /// <param name="value">32 bytes.</param>
    public static void JoinAll(int lanes, Span<byte> values, int count, bool isRoot, Span<byte> value)
    {
        fixed (byte* at = values)
            while (count > (isRoot ? 2 : 1)) count = Join(lanes, (uint*)at, count);
        if (count == 2) Blake3.Node(values[..(2 * Blake3.DigestBytes)], isRoot, value);
        else values[..Blake3.DigestBytes].CopyTo(value);
    }

    private static void WholeChunks<TLanes, V>(uint* from, int count, uint first, uint* values, ref int done, ref uint largest)
        where TLanes : struct, IWordLanes<V>
        where V : unmanaged
    {
        for (; done < count && count >= TLanes.Count; done += TLanes.Count)
        {
            // The last lanes are filled up with chunks that are done already: that is quicker than fewer lanes.
            done = Math.Min(done, count - TLanes.Count);
            Chunk<TLanes, V>(from + (done * Blake3.ChunkWords), Blake3.ChunkWords, first + (uint)done, values + (done * Blake3.DigestWords), ref largest);
        }
    }

    // As many chunks, one behind the other, as there are lanes; a single one may be shorter.
    [SkipLocalsInit]
    private static void Chunk<TLanes, V>(uint* from, int words, uint first, uint* values, ref uint largest)
        where TLanes : struct, IWordLanes<V>
        where V : unmanaged
    {
        byte* memory = stackalloc byte[Blocks<V>.Bytes];
        Blocks<V> at = new(memory);
        Begin<TLanes, V>(at.State);
        V chunk = TLanes.Add(TLanes.All(first), TLanes.Numbers), most = TLanes.All(0), magnitude;
        uint* padded = stackalloc uint[Blake3.BlockWords];
        for (int word = 0; word < words; word += Blake3.BlockWords)
        {
            int count = Math.Min(Blake3.BlockWords, words - word);
            uint* block = from + word;
            if (count < Blake3.BlockWords)
            {
                for (int i = 0; i < Blake3.BlockWords; i++) padded[i] = i < count ? block[i] : 0;
                block = padded;
            }

            TLanes.LoadColumns(block, Blake3.ChunkWords, at.Block);
            Magnitude<TLanes, V>(at.Block, &magnitude);
            most = TLanes.Max(most, magnitude);
            uint flags = (word == 0 ? Blake3.ChunkStart : 0) | (word + count == words ? Blake3.ChunkEnd : 0);
            Compress<TLanes, V>(at.State, at.Block, &chunk, (uint)count * sizeof(uint), flags);
        }

        StoreRows<TLanes, V>(at.State, values);
        at.State[0] = most;
        for (int lane = 0; lane < TLanes.Count; lane++) largest = Math.Max(largest, ((uint*)at.State)[lane]);
    }

    // The largest of the words without their signs. Not inlined: beside calls the JIT would keep the maximum in memory. Vectors go in and out of
    // what is not inlined by pointers, as nothing that takes one by value is compiled ahead.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Magnitude<TLanes, V>(V* block, V* largest)
        where TLanes : struct, IWordLanes<V>
        where V : unmanaged
    {
        V magnitude = TLanes.All(int.MaxValue), even = TLanes.And(block[0], magnitude), odd = TLanes.And(block[1], magnitude);
        for (int i = 2; i < Blake3.BlockWords; i += 2)
        {
            even = TLanes.Max(even, TLanes.And(block[i], magnitude));
            odd = TLanes.Max(odd, TLanes.And(block[i + 1], magnitude));
        }

        *largest = TLanes.Max(even, odd);
    }

    // A node takes the place of a value that has been read already.
    [SkipLocalsInit]
    private static void Nodes<TLanes, V>(uint* values, int pairs, ref int done)
        where TLanes : struct, IWordLanes<V>
        where V : unmanaged
    {
        byte* memory = stackalloc byte[Blocks<V>.Bytes];
        Blocks<V> at = new(memory);
        V none = TLanes.All(0);
        for (; done <= pairs - TLanes.Count; done += TLanes.Count)
        {
            Begin<TLanes, V>(at.State);
            TLanes.LoadColumns(values + (done * Blake3.BlockWords), Blake3.BlockWords, at.Block);
            Compress<TLanes, V>(at.State, at.Block, &none, Blake3.BlockBytes, Blake3.Parent);
            StoreRows<TLanes, V>(at.State, values + (done * Blake3.DigestWords));
        }
    }

    private static void Begin<TLanes, V>(V* state)
        where TLanes : struct, IWordLanes<V>
        where V : unmanaged
    {
        state[0] = TLanes.All(Blake3.Start0);
        state[1] = TLanes.All(Blake3.Start1);
        state[2] = TLanes.All(Blake3.Start2);
        state[3] = TLanes.All(Blake3.Start3);
        state[4] = TLanes.All(Blake3.Start4);
        state[5] = TLanes.All(Blake3.Start5);
        state[6] = TLanes.All(Blake3.Start6);
        state[7] = TLanes.All(Blake3.Start7);
    }

    private static void StoreRows<TLanes, V>(V* state, uint* values)
        where TLanes : struct, IWordLanes<V>
        where V : unmanaged
    {
        for (int lane = 0; lane < TLanes.Count; lane++)
            for (int word = 0; word < Blake3.DigestWords; word++) *values++ = ((uint*)(state + word))[lane];
    }

    // The rounds are a loop, so that each width is compiled in milliseconds: where a word lies costs nothing beside sixteen lanes of arithmetic.
    private static void Compress<TLanes, V>(V* state, V* block, V* chunk, uint bytes, uint flags)
        where TLanes : struct, IWordLanes<V>
        where V : unmanaged
    {
        V v0 = state[0], v1 = state[1], v2 = state[2], v3 = state[3], v4 = state[4], v5 = state[5], v6 = state[6], v7 = state[7];
        V v8 = TLanes.All(Blake3.Start0), v9 = TLanes.All(Blake3.Start1), v10 = TLanes.All(Blake3.Start2), v11 = TLanes.All(Blake3.Start3);
        V v12 = *chunk, v13 = TLanes.All(0), v14 = TLanes.All(bytes), v15 = TLanes.All(flags);
        fixed (byte* schedule = Blake3.Schedule)
        {
            for (byte* order = schedule, end = schedule + Blake3.Schedule.Length; order < end; order += Blake3.BlockWords)
            {
                Mix<TLanes, V>(ref v0, ref v4, ref v8, ref v12, block[order[0]], block[order[1]]);
                Mix<TLanes, V>(ref v1, ref v5, ref v9, ref v13, block[order[2]], block[order[3]]);
                Mix<TLanes, V>(ref v2, ref v6, ref v10, ref v14, block[order[4]], block[order[5]]);
                Mix<TLanes, V>(ref v3, ref v7, ref v11, ref v15, block[order[6]], block[order[7]]);
                Mix<TLanes, V>(ref v0, ref v5, ref v10, ref v15, block[order[8]], block[order[9]]);
                Mix<TLanes, V>(ref v1, ref v6, ref v11, ref v12, block[order[10]], block[order[11]]);
                Mix<TLanes, V>(ref v2, ref v7, ref v8, ref v13, block[order[12]], block[order[13]]);
                Mix<TLanes, V>(ref v3, ref v4, ref v9, ref v14, block[order[14]], block[order[15]]);
            }
        }

        state[0] = TLanes.Xor(v0, v8);
        state[1] = TLanes.Xor(v1, v9);
        state[2] = TLanes.Xor(v2, v10);
        state[3] = TLanes.Xor(v3, v11);
        state[4] = TLanes.Xor(v4, v12);
        state[5] = TLanes.Xor(v5, v13);
        state[6] = TLanes.Xor(v6, v14);
        state[7] = TLanes.Xor(v7, v15);
    }

    // What b waits for is the longest way through a round: the message's word is added while it does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mix<TLanes, V>(ref V a, ref V b, ref V c, ref V d, V x, V y)
        where TLanes : struct, IWordLanes<V>
        where V : unmanaged
    {
        a = TLanes.Add(TLanes.Add(a, x), b);
        d = TLanes.RotateRight(TLanes.Xor(d, a), 16);
        c = TLanes.Add(c, d);
        b = TLanes.RotateRight(TLanes.Xor(b, c), 12);
        a = TLanes.Add(TLanes.Add(a, y), b);
        d = TLanes.RotateRight(TLanes.Xor(d, a), 8);
        c = TLanes.Add(c, d);
        b = TLanes.RotateRight(TLanes.Xor(b, c), 7);
    }

    // A state and a block on the stack, where no vector crosses a cache line.
    private readonly struct Blocks<V>(byte* memory)
        where V : unmanaged
    {
        private const int Line = 64;

        public static int Bytes => ((Blake3.DigestWords + Blake3.BlockWords) * sizeof(V)) + Line;

        public V* State { get; } = (V*)((nint)(memory + Line - 1) & -Line);

        public V* Block => State + Blake3.DigestWords;
    }
}
