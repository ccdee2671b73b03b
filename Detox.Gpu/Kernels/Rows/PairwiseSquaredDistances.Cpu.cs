using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe ref partial struct PairwiseSquaredDistances
{
    // Rows in a side of a register tile: nine sums, three rows, one more and a difference fit sixteen registers.
    private const int Tile = 3;
    private const int TileFloats = Tile * Tile * Lanes;

    // Rows in a side of a block of tiles, and columns that all its tiles pass over before the next: the rows and the
    // lanes of all its pairs stay in the second-level cache, the rows of a tile in the first.
    private const int BlockRows = 48;
    private const int Step = 1024;
    private const int LinesInStep = Step / Prefetch.LineFloats;
    private const int BlockTiles = BlockRows / Tile * (BlockRows / Tile);

    // Floats of scratch for a thread.
    private const int ScratchFloats = BlockTiles * TileFloats;

    private static readonly Scratch<double> _segmentSums = new();

    public void Run(CpuDevice device)
    {
        Distances.Clear();
        if (Rows.Count > 0 && Rows.Width > 0) device.AtItsWidth(this);
    }

    static bool IVectorOp.Fuses => true;

    // Segments go in waves, so that a sum a pair and segment stays small memory however many rows there are.
    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        int n = Rows.Count, pairs = n * n;
        int segments = CpuDevice.Blocks(Rows.Width, Segment);
        int wave = Math.Min(segments, Math.Max(device.Threads, (4 << 20) / pairs));
        SegmentSums<TLanes, V> work = new()
        {
            Rows = Pass.Pointers(device, Rows),
            N = n,
            Width = Rows.Width,
            Sums = device.Room(_segmentSums, (long)wave * pairs),
        };
        for (int first = 0; first < segments; first += wave)
        {
            int count = Math.Min(wave, segments - first);
            work.FirstSegment = first;
            device.Share(count, ref work);
            for (int segment = 0; segment < count; segment++)
                for (int i = 0; i < n; i++)
                    for (int j = i + 1; j < n; j++)
                        Distances[(i * n) + j] += work.Sums[((long)segment * pairs) + (i * n) + j];
        }

        for (int i = 0; i < n; i++)
        {
            for (int j = i + 1; j < n; j++)
            {
                double sum = Distances[(i * n) + j];
                Distances[(i * n) + j] = Distances[(j * n) + i] = double.IsFinite(sum) ? sum : double.PositiveInfinity;
            }
        }
    }

    // One piece: the sums of one segment of columns for all pairs i < j, into its own n x n doubles.
    private struct SegmentSums<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float** Rows;
        public int N;
        public long Width;
        public int FirstSegment;
        public double* Sums;

        [SkipLocalsInit]
        public readonly void Run(int piece)
        {
            double* sums = Sums + ((long)piece * N * N);
            new Span<double>(sums, N * N).Clear();
            long begin = (long)(FirstSegment + piece) * Segment;
            long end = Math.Min(begin + Segment, Width);
            float* scratch = stackalloc float[ScratchFloats + Lanes];
            float* lanes = (float*)(((nuint)scratch + 63) & ~(nuint)63);
            for (int i = 0; i < N; i += BlockRows)
                for (int j = i; j < N; j += BlockRows)
                    for (long chunk = begin; chunk < end; chunk += Chunk)
                        SumBlock(i, j, chunk, Math.Min(chunk + Chunk, end), lanes, sums);
        }

        private readonly void SumBlock(int firstI, int firstJ, long begin, long end, float* lanes, double* sums)
        {
            int n = N, lastI = Math.Min(firstI + BlockRows, n), lastJ = Math.Min(firstJ + BlockRows, n);
            float** x = stackalloc float*[2 * Tile];
            int tiles = ((lastI - firstI + Tile - 1) / Tile) * ((lastJ - firstJ + Tile - 1) / Tile);
            new Span<float>(lanes, tiles * TileFloats).Clear();
            for (long step = begin; step < end; step += Step)
            {
                // Every tile asks for its share of the next step, so that memory and arithmetic are busy together.
                int columns = (int)Math.Min(Step, end - step);
                int side = (lastJ - firstJ + Tile - 1) / Tile;
                int ahead = 0, aheadEnd = step + Step < end ? (lastJ - firstJ) * LinesInStep : 0, share = (aheadEnd / (side * (side + 1) / 2)) + 1;
                float* tile = lanes;
                for (int i = firstI; i < lastI; i += Tile)
                {
                    for (int j = Math.Max(firstJ, i); j < lastJ; j += Tile, tile += TileFloats)
                    {
                        for (int stop = Math.Min(ahead + share, aheadEnd); ahead < stop; ahead++)
                            Prefetch.FarLine(Rows[firstJ + (ahead / LinesInStep)] + step + Step + (ahead % LinesInStep * Prefetch.LineFloats));
                        PointAt(i, j, step, x);
                        for (int lane = 0; lane < Lanes; lane += TLanes.Count)
                            SumTile<TLanes, V>(x, lane, columns / Lanes, tile);
                        if (columns % Lanes != 0) SumRest(x, columns, tile);
                    }
                }
            }

            for (int i = firstI; i < lastI; i += Tile)
            {
                for (int j = Math.Max(firstJ, i); j < lastJ; j += Tile, lanes += TileFloats)
                {
                    for (int a = 0; a < Tile && i + a < lastI; a++)
                        for (int b = i == j ? a + 1 : 0; b < Tile && j + b < lastJ; b++)
                            sums[((i + a) * n) + j + b] += Join(lanes + (((a * Tile) + b) * Lanes));
                }
            }
        }

        // Beyond the last row the last row stands in; what it gives is not kept.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void PointAt(int i, int j, long column, float** x)
        {
            for (int t = 0; t < Tile; t++)
            {
                x[t] = Rows[Math.Min(i + t, N - 1)] + column;
                x[Tile + t] = Rows[Math.Min(j + t, N - 1)] + column;
            }
        }
    }

    private static void SumTile<TLanes, V>(float** x, int lane, int steps, float* lanes)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        float* x0 = x[0] + lane, x1 = x[1] + lane, x2 = x[2] + lane;
        float* y0 = x[3] + lane, y1 = x[4] + lane, y2 = x[5] + lane;
        lanes += lane;
        V s00 = TLanes.Load(lanes), s01 = TLanes.Load(lanes + Lanes), s02 = TLanes.Load(lanes + (2 * Lanes));
        V s10 = TLanes.Load(lanes + (3 * Lanes)), s11 = TLanes.Load(lanes + (4 * Lanes)), s12 = TLanes.Load(lanes + (5 * Lanes));
        V s20 = TLanes.Load(lanes + (6 * Lanes)), s21 = TLanes.Load(lanes + (7 * Lanes)), s22 = TLanes.Load(lanes + (8 * Lanes));
        for (nint k = 0, end = (nint)steps * Lanes; k < end; k += Lanes)
        {
            V b0 = TLanes.Load(y0 + k), b1 = TLanes.Load(y1 + k), b2 = TLanes.Load(y2 + k);
            V a = TLanes.Load(x0 + k);
            V d = TLanes.Subtract(a, b0);
            s00 = TLanes.FusedMultiplyAdd(d, d, s00);
            d = TLanes.Subtract(a, b1);
            s01 = TLanes.FusedMultiplyAdd(d, d, s01);
            d = TLanes.Subtract(a, b2);
            s02 = TLanes.FusedMultiplyAdd(d, d, s02);
            a = TLanes.Load(x1 + k);
            d = TLanes.Subtract(a, b0);
            s10 = TLanes.FusedMultiplyAdd(d, d, s10);
            d = TLanes.Subtract(a, b1);
            s11 = TLanes.FusedMultiplyAdd(d, d, s11);
            d = TLanes.Subtract(a, b2);
            s12 = TLanes.FusedMultiplyAdd(d, d, s12);
            a = TLanes.Load(x2 + k);
            d = TLanes.Subtract(a, b0);
            s20 = TLanes.FusedMultiplyAdd(d, d, s20);
            d = TLanes.Subtract(a, b1);
            s21 = TLanes.FusedMultiplyAdd(d, d, s21);
            d = TLanes.Subtract(a, b2);
            s22 = TLanes.FusedMultiplyAdd(d, d, s22);
        }

        TLanes.Store(s00, lanes);
        TLanes.Store(s01, lanes + Lanes);
        TLanes.Store(s02, lanes + (2 * Lanes));
        TLanes.Store(s10, lanes + (3 * Lanes));
        TLanes.Store(s11, lanes + (4 * Lanes));
        TLanes.Store(s12, lanes + (5 * Lanes));
        TLanes.Store(s20, lanes + (6 * Lanes));
        TLanes.Store(s21, lanes + (7 * Lanes));
        TLanes.Store(s22, lanes + (8 * Lanes));
    }

    // The columns after the last sixteen: only the last step of a row has any, so the lanes that get none are done.
    private static void SumRest(float** x, int columns, float* tile)
    {
        for (int k = columns & -Lanes; k < columns; k++)
        {
            for (int pair = 0; pair < Tile * Tile; pair++)
            {
                float difference = x[pair / Tile][k] - x[Tile + (pair % Tile)][k];
                float* lane = tile + (pair * Lanes) + (k % Lanes);
                *lane = MathF.FusedMultiplyAdd(difference, difference, *lane);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Join(float* lanes)
    {
        Vector128<float> low = Vector128.Load(lanes) + Vector128.Load(lanes + 8);
        Vector128<float> high = Vector128.Load(lanes + 4) + Vector128.Load(lanes + 12);
        Vector128<float> four = low + high;
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3));
        return two.ToScalar() + two.GetElement(1);
    }
}
