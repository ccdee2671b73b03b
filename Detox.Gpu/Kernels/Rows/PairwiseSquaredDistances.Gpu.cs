using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly unsafe ref partial struct PairwiseSquaredDistances
{
    // Rows on each side of a tile of pairs.
    private const int TileRows = 4;

    private static readonly Scratch<float> _chunkSums = new();
    private static readonly Scratch<double> _places = new();

    public void Run(IlgpuDevice device)
    {
        Distances.Clear();
        int n = Rows.Count, pairs = n * (n - 1) / 2, side = (n + TileRows - 1) / TileRows, tiles = side * (side + 1) / 2;
        if (pairs == 0 || Rows.Width == 0) return;
        long chunks = (Rows.Width + Chunk - 1) / Chunk, items = chunks * tiles;
        DeviceRows from = DeviceRows.Of(device, Rows);
        ArrayView<float> chunkSums = device.Room(_chunkSums, chunks * pairs);
        ArrayView<double> places = device.Room(_places, Distances.Length);
        device.Launch((items + TileChunk.Items - 1) / TileChunk.Items, new TileChunk(from, Rows.Width, tiles, items, pairs, chunkSums));
        device.Each(places.Length, new Place(n, chunks, pairs, chunkSums, places));
        device.Download(places, Distances);
    }

    /// <summary>The number of the pair i &lt; j: pairs before row i, then those of row i before column j.</summary>
    private static int Pair(int n, int i, int j) => (i * (n - 1)) - (i * (i - 1) / 2) + j - i - 1;

    /// <summary>Where the sum of a chunk of a pair lies: there may be more than 2^31 of them.</summary>
    internal static long ChunkSum(long chunk, int pairs, int pair) => (chunk * pairs) + pair;

    // Sixteen threads, one a lane, sum a chunk of a tile of 4 by 4 rows: neighbours read neighbouring floats, and the tiles of a
    // chunk, which follow one another, find its rows in the cache. Each of the sixteen then joins the lanes of one pair.
    // Sixteen floats of shared memory are followed by one that is not used, so that no two threads of a warp meet in a bank.
    // Lanes could pass from thread to thread by shuffles, but not on every device of OpenCL.
    internal readonly struct TileChunk(DeviceRows rows, long width, int tiles, long items, int pairs, ArrayView<float> chunkSums) : IKernel
    {
        /// <summary>Tiles, each with a chunk, of a group.</summary>
        public const int Items = 8;

        private const int PairFloats = Lanes + 1, TileFloats = TileRows * TileRows * PairFloats;

        public static int Threads => Items * Lanes;

        public void Run()
        {
            ArrayView<float> shared = SharedMemory.Allocate<float>(Items * TileFloats);
            int lane = Group.IdxX % Lanes, slot = Group.IdxX / Lanes;
            long item = ((long)Grid.IdxX * Items) + slot, chunk = item / tiles;
            int tile = (int)(item % tiles), top = 0, across = (rows.Count + TileRows - 1) / TileRows;
            while (tile >= across)
            {
                tile -= across;
                across--;
                top++;
            }

            // Beyond the last item there are no columns to sum, and nothing is kept.
            int i = top * TileRows, j = (top + tile) * TileRows;
            SumLanes(i, j, chunk, lane, shared, (slot * TileFloats) + lane);
            Group.Barrier();
            int pair = lane;
            i += pair / TileRows;
            j += pair % TileRows;
            if (item < items & i < j & j < rows.Count)
                chunkSums[ChunkSum(chunk, pairs, Pair(rows.Count, i, j))] = Join(shared, (slot * TileFloats) + (pair * PairFloats));
        }

        private void SumLanes(int i, int j, long chunk, int lane, ArrayView<float> shared, int to)
        {
            long begin = chunk * Chunk;
            long x0 = Start(i, begin), x1 = Start(i + 1, begin), x2 = Start(i + 2, begin), x3 = Start(i + 3, begin);
            long y0 = Start(j, begin), y1 = Start(j + 1, begin), y2 = Start(j + 2, begin), y3 = Start(j + 3, begin);
            Four s0 = default, s1 = default, s2 = default, s3 = default;
            int end = (int)Math.Min(Chunk, width - begin);
            for (int k = lane; k < end; k += Lanes)
            {
                Four y = new() { A = rows[y0 + k], B = rows[y1 + k], C = rows[y2 + k], D = rows[y3 + k] };
                s0 = s0.PlusSquares(rows[x0 + k], y);
                s1 = s1.PlusSquares(rows[x1 + k], y);
                s2 = s2.PlusSquares(rows[x2 + k], y);
                s3 = s3.PlusSquares(rows[x3 + k], y);
            }

            s0.Store(shared, to);
            s1.Store(shared, to + (TileRows * PairFloats));
            s2.Store(shared, to + (2 * TileRows * PairFloats));
            s3.Store(shared, to + (3 * TileRows * PairFloats));
        }

        // Beyond the last row the last row stands in.
        private long Start(int row, long begin) => rows.Start(Math.Min(row, rows.Count - 1)) + begin;

        // By halves: l with l + 8, then + 4, + 2, + 1.
        private static float Join(ArrayView<float> lanes, int at) => Portable.Add(Eight(lanes, at), Eight(lanes, at + 1));

        private static float Eight(ArrayView<float> lanes, int at) => Portable.Add(Quad(lanes, at), Quad(lanes, at + 2));

        private static float Quad(ArrayView<float> lanes, int at)
            => Portable.Add(Portable.Add(lanes[at], lanes[at + 8]), Portable.Add(lanes[at + 4], lanes[at + 12]));

        private struct Four
        {
            public float A, B, C, D;

            public readonly Four PlusSquares(float x, Four y) => new()
            {
                A = PlusSquare(A, x, y.A),
                B = PlusSquare(B, x, y.B),
                C = PlusSquare(C, x, y.C),
                D = PlusSquare(D, x, y.D),
            };

            public readonly void Store(ArrayView<float> shared, int to)
            {
                shared[to] = A;
                shared[to + PairFloats] = B;
                shared[to + (2 * PairFloats)] = C;
                shared[to + (3 * PairFloats)] = D;
            }

            private static float PlusSquare(float sum, float x, float y)
            {
                float difference = Portable.Subtract(x, y);
                return Portable.Fma(difference, difference, sum);
            }
        }
    }

    // One thread a place of the matrix: adds the chunks of its pair in their order.
    internal readonly struct Place(int n, long chunks, int pairs, ArrayView<float> chunkSums, ArrayView<double> distances) : IThread
    {
        public void Run(long at)
        {
            int i = (int)(at / n), j = (int)(at % n);
            double sum = 0, segment = 0;
            if (i != j)
            {
                int pair = Pair(n, Math.Min(i, j), Math.Max(i, j));
                for (long chunk = 0; chunk < chunks; chunk++)
                {
                    segment += chunkSums[ChunkSum(chunk, pairs, pair)];
                    if ((chunk + 1) % (Segment / Chunk) != 0 && chunk != chunks - 1) continue;
                    sum += segment;
                    segment = 0;
                }
            }

            distances[at] = FiniteOrInfinity(sum);
        }

        // By its bits, which no compiler turns round.
        internal static double FiniteOrInfinity(double sum)
        {
            const ulong infinity = 0x7FF0000000000000;
            ulong bits = Interop.FloatAsInt(sum);
            if ((bits & infinity) == infinity) bits = infinity;
            return Interop.IntAsFloat(bits);
        }
    }
}
