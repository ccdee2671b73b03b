using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly unsafe ref partial struct PairwiseSquaredDistances
{
    // Rows on each side of a tile of pairs.
    private const int TileRows = 16;

    private static readonly Scratch<float> _chunkSums = new();
    private static readonly Scratch<double> _places = new();

    public void Run(IlgpuDevice device)
    {
        Distances.Clear();
        int n = Rows.Count, pairs = n * (n - 1) / 2, side = (n + TileRows - 1) / TileRows, tiles = side * (side + 1) / 2;
        if (pairs == 0 || Rows.Width == 0) return;
        long chunks = (Rows.Width + Chunk - 1) / Chunk;
        DeviceRows from = DeviceRows.Of(device, Rows);
        ArrayView<float> chunkSums = device.Room(_chunkSums, chunks * pairs);
        ArrayView<double> places = device.Room(_places, Distances.Length);
        device.Launch(chunks * tiles, new TileChunk(from, Rows.Width, tiles, pairs, chunkSums));
        device.Each(places.Length, new Place(n, chunks, pairs, chunkSums, places));
        device.Download(places, Distances);
    }

    /// <summary>The number of the pair i &lt; j: pairs before row i, then those of row i before column j.</summary>
    private static int Pair(int n, int i, int j) => (i * (n - 1)) - (i * (i - 1) / 2) + j - i - 1;

    /// <summary>Where the sum of a chunk of a pair lies: there may be more than 2^31 of them.</summary>
    internal static long ChunkSum(long chunk, int pairs, int pair) => (chunk * pairs) + pair;

    // A group sums a chunk of a tile of 16 by 16 rows. 128 columns of the tile's rows at a time lie in shared memory, so that a tile reads each
    // of its rows once; a thread sums one lane of 8 by 4 pairs in registers. Where there are no more columns there are zeros, whose squares
    // change no sum. A column's sixteen rows lie side by side, to be read by fours, with four floats behind them that are not used: so no two of
    // eight threads with neighbouring columns meet in a bank.
    internal readonly struct TileChunk(DeviceRows rows, long width, int tiles, int pairs, ArrayView<float> chunkSums) : IKernel
    {
        private const int Slice = 128, Stride = TileRows + 4, TileFloats = Slice * Stride, PairFloats = Lanes + 1;

        // Each warp brings four rows, a column of theirs and every thirty-second after it a thread.
        private const int Warp = 32;

        // A thread's pairs.
        private const int RowsOfI = 8, RowsOfJ = 4, PartsOfJ = TileRows / RowsOfJ;

        public static int Threads => Lanes * (TileRows / RowsOfI) * PartsOfJ;

        public void Run()
        {
            ArrayView<float> shared = SharedMemory.Allocate<float>(2 * TileFloats);
            int thread = Group.IdxX, tile = Grid.IdxX % tiles, top = 0, across = (rows.Count + TileRows - 1) / TileRows;
            long chunk = Grid.IdxX / tiles;
            while (tile >= across)
            {
                tile -= across;
                across--;
                top++;
            }

            // On the diagonal both sides are the same rows.
            int firstI = top * TileRows, firstJ = (top + tile) * TileRows, sideOfJ = tile == 0 ? 0 : TileFloats;
            int lane = thread & (Lanes - 1), part = thread / Lanes, ofI = part / PartsOfJ * RowsOfI, ofJ = (part & (PartsOfJ - 1)) * RowsOfJ;
            bool hasPairs = firstI + ofI < firstJ + ofJ + RowsOfJ - 1 & firstJ + ofJ < rows.Count;
            int columns = (int)Math.Min(Chunk, width - (chunk * Chunk)), row = thread / Warp * 4, column = thread & (Warp - 1);
            FourRows fromI = Rows(firstI + row, chunk * Chunk), fromJ = Rows(firstJ + row, chunk * Chunk);
            ArrayView<Four> to = shared.SubView((column * Stride) + row).Cast<Four>();
            ArrayView<Four> x = shared.SubView((lane * Stride) + ofI).Cast<Four>(), y = shared.SubView(sideOfJ + (lane * Stride) + ofJ).Cast<Four>();
            Sums sums = default;
            for (int first = 0; first < columns; first += Slice)
            {
                int at = Math.Min(first + column, columns - 1), left = columns - first - column;
                Bring(fromI.From(at), left, to);
                if (tile != 0) Bring(fromJ.From(at), left, to.SubView(TileFloats / 4));
                Group.Barrier();
                if (hasPairs)
                {
                    sums = sums.PlusSquares(x, y, 0);
                    sums = sums.PlusSquares(x, y, 1);
                    sums = sums.PlusSquares(x, y, 2);
                    sums = sums.PlusSquares(x, y, 3);
                    sums = sums.PlusSquares(x, y, 4);
                    sums = sums.PlusSquares(x, y, 5);
                    sums = sums.PlusSquares(x, y, 6);
                    sums = sums.PlusSquares(x, y, 7);
                }

                Group.Barrier();
            }

            // The lanes of a pair side by side, with one float behind them that is not used.
            sums.Store(shared, (((ofI * TileRows) + ofJ) * PairFloats) + lane);
            Group.Barrier();
            for (int pair = thread; pair < TileRows * TileRows; pair += Threads)
            {
                int i = firstI + (pair / TileRows), j = firstJ + (pair % TileRows);
                if (i < j & j < rows.Count) chunkSums[ChunkSum(chunk, pairs, Pair(rows.Count, i, j))] = Join(shared, pair * PairFloats);
            }
        }

        // Where four rows have a column. Beyond the last row the last row stands in.
        private FourRows Rows(int first, long column) => new() { A = Row(first, column), B = Row(first + 1, column), C = Row(first + 2, column), D = Row(first + 3, column) };

        private ArrayView<float> Row(int row, long column) => rows.From(Math.Min(row, rows.Count - 1), column);

        private static void Bring(FourRows from, int columns, ArrayView<Four> to)
        {
            to[0] = Column(from, 0, columns);
            to[Warp * Stride / 4] = Column(from, Warp, columns);
            to[2 * Warp * Stride / 4] = Column(from, 2 * Warp, columns);
            to[3 * Warp * Stride / 4] = Column(from, 3 * Warp, columns);
        }

        private static Four Column(FourRows from, int column, int columns)
        {
            Four values = default;
            if (column < columns) values = new() { A = from.A[column], B = from.B[column], C = from.C[column], D = from.D[column] };
            return values;
        }

        // By halves: l with l + 8, then + 4, + 2, + 1.
        public static float Join(ArrayView<float> lanes, int at) => Portable.Add(Eight(lanes, at), Eight(lanes, at + 1));

        private static float Eight(ArrayView<float> lanes, int at) => Portable.Add(Quad(lanes, at), Quad(lanes, at + 2));

        private static float Quad(ArrayView<float> lanes, int at)
            => Portable.Add(Portable.Add(lanes[at], lanes[at + 8]), Portable.Add(lanes[at + 4], lanes[at + 12]));

        private struct FourRows
        {
            public ArrayView<float> A, B, C, D;

            public readonly FourRows From(int column) => new() { A = A.SubView(column), B = B.SubView(column), C = C.SubView(column), D = D.SubView(column) };
        }

        // A lane of eight rows by four.
        private struct Sums
        {
            public Four Row0, Row1, Row2, Row3, Row4, Row5, Row6, Row7;

            // Of the step's column that belongs to the lane.
            public readonly Sums PlusSquares(ArrayView<Four> x, ArrayView<Four> from, int step)
            {
                int at = step * Lanes * Stride / 4;
                Four low = x[at], high = x[at + 1], y = from[at];
                return new()
                {
                    Row0 = Row0.PlusSquares(low.A, y),
                    Row1 = Row1.PlusSquares(low.B, y),
                    Row2 = Row2.PlusSquares(low.C, y),
                    Row3 = Row3.PlusSquares(low.D, y),
                    Row4 = Row4.PlusSquares(high.A, y),
                    Row5 = Row5.PlusSquares(high.B, y),
                    Row6 = Row6.PlusSquares(high.C, y),
                    Row7 = Row7.PlusSquares(high.D, y),
                };
            }

            public readonly void Store(ArrayView<float> shared, int to)
            {
                const int row = TileRows * PairFloats;
                Row0.Store(shared, to);
                Row1.Store(shared, to + row);
                Row2.Store(shared, to + (2 * row));
                Row3.Store(shared, to + (3 * row));
                Row4.Store(shared, to + (4 * row));
                Row5.Store(shared, to + (5 * row));
                Row6.Store(shared, to + (6 * row));
                Row7.Store(shared, to + (7 * row));
            }
        }

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
