using System.Numerics;
using System.Runtime.InteropServices;

namespace Detox.Gpu.Digests;

/// <summary>BLAKE3's hash of 32 bytes, without a key: the definition, one block after another.</summary>
/// <remarks>A message is cut into chunks of 1,024 bytes, the last of which may be shorter, and a chunk into blocks of 64. The compression takes a
/// chaining value of eight words and a block to the next chaining value; a chunk's last one is a leaf of a binary tree, whose nodes are the
/// compressions of their two children's values. Left of a node are as many whole chunks as the largest power of two that leaves some to the right.
/// Flags tell chunks, nodes and the root apart, and a chunk's blocks know its number, so no part passes for another. A number has 32 bits
/// here, which is enough for 4 TiB. Words are little end first, as are the hosts that this runs on. Source: O'Connor, Aumasson, Neves,
/// Wilcox-O'Hearn 2020, "BLAKE3: one function, fast everywhere".</remarks>
internal static class Blake3
{
    public const int ChunkBytes = 1024, BlockBytes = 64, DigestBytes = 32;

    public const int ChunkWords = ChunkBytes / sizeof(uint), BlockWords = BlockBytes / sizeof(uint), DigestWords = DigestBytes / sizeof(uint);

    public const uint ChunkStart = 1, ChunkEnd = 2, Parent = 4, Root = 8;

    /// <summary>The chaining value before a first block: that of SHA-256.</summary>
    public const uint Start0 = 0x6A09E667, Start1 = 0xBB67AE85, Start2 = 0x3C6EF372, Start3 = 0xA54FF53A;

    /// <inheritdoc cref="Start0"/>
    public const uint Start4 = 0x510E527F, Start5 = 0x9B05688C, Start6 = 0x1F83D9AB, Start7 = 0x5BE0CD19;

    /// <summary>Round by round the order in which it mixes in the sixteen words of a block: each the permutation of the one before.</summary>
    public static ReadOnlySpan<byte> Schedule =>
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8,
        3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1,
        10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6,
        12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4,
        9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7,
        11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13,
    ];

    /// <summary>The chaining value of the tree over some bytes, or where they are the whole message its hash.</summary>
    /// <param name="chunk">The number of the first of their chunks in the message.</param>
    /// <param name="isRoot">Whether they are the whole message.</param>
    public static void Tree(ReadOnlySpan<byte> bytes, uint chunk, bool isRoot, Span<byte> value)
    {
        if (bytes.Length <= ChunkBytes)
        {
            Chunk(bytes, chunk, isRoot, value);
            return;
        }

        int left = (int)(BitOperations.RoundUpToPowerOf2((uint)bytes.Length) / 2);
        Span<byte> children = stackalloc byte[2 * DigestBytes];
        Tree(bytes[..left], chunk, isRoot: false, children);
        Tree(bytes[left..], chunk + (uint)(left / ChunkBytes), isRoot: false, children[DigestBytes..]);
        Node(children, isRoot, value);
    }

    /// <summary>The chaining value of a node, or where it is the root the message's hash.</summary>
    /// <param name="children">Their two chaining values.</param>
    public static void Node(ReadOnlySpan<byte> children, bool isRoot, Span<byte> value)
    {
        Span<uint> state = stackalloc uint[DigestWords];
        Begin(state);
        Compress(state, MemoryMarshal.Cast<byte, uint>(children), 0, BlockBytes, Parent | (isRoot ? Root : 0));
        MemoryMarshal.AsBytes(state).CopyTo(value);
    }

    private static void Chunk(ReadOnlySpan<byte> bytes, uint chunk, bool isRoot, Span<byte> value)
    {
        Span<uint> state = stackalloc uint[DigestWords], block = stackalloc uint[BlockWords];
        Begin(state);
        int at = 0;
        do
        {
            int count = Math.Min(BlockBytes, bytes.Length - at);
            block.Clear();
            bytes.Slice(at, count).CopyTo(MemoryMarshal.AsBytes(block));
            uint flags = at == 0 ? ChunkStart : 0;
            if (at + count == bytes.Length) flags |= ChunkEnd | (isRoot ? Root : 0);
            Compress(state, block, chunk, (uint)count, flags);
            at += count;
        }
        while (at < bytes.Length);
        MemoryMarshal.AsBytes(state).CopyTo(value);
    }

    private static void Begin(Span<uint> state)
        => ((ReadOnlySpan<uint>)[Start0, Start1, Start2, Start3, Start4, Start5, Start6, Start7]).CopyTo(state);

    private static void Compress(Span<uint> state, ReadOnlySpan<uint> block, uint chunk, uint bytes, uint flags)
    {
        Span<uint> v = [0, 0, 0, 0, 0, 0, 0, 0, Start0, Start1, Start2, Start3, chunk, 0, bytes, flags];
        state.CopyTo(v);
        for (int round = 0; round < Schedule.Length; round += BlockWords)
        {
            ReadOnlySpan<byte> order = Schedule.Slice(round, BlockWords);
            for (int column = 0; column < 4; column++)
                Mix(ref v[column], ref v[4 + column], ref v[8 + column], ref v[12 + column], block[order[2 * column]], block[order[(2 * column) + 1]]);
            for (int i = 0; i < 4; i++)
                Mix(ref v[i], ref v[4 + ((i + 1) % 4)], ref v[8 + ((i + 2) % 4)], ref v[12 + ((i + 3) % 4)], block[order[8 + (2 * i)]], block[order[9 + (2 * i)]]);
        }

        for (int i = 0; i < DigestWords; i++) state[i] = v[i] ^ v[DigestWords + i];
    }

    private static void Mix(ref uint a, ref uint b, ref uint c, ref uint d, uint x, uint y)
    {
        a += b + x;
        d = BitOperations.RotateRight(d ^ a, 16);
        c += d;
        b = BitOperations.RotateRight(b ^ c, 12);
        a += b + y;
        d = BitOperations.RotateRight(d ^ a, 8);
        c += d;
        b = BitOperations.RotateRight(b ^ c, 7);
    }
}
