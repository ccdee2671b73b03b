using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class PairwiseSquaredDistances
{
    /// <summary>Rows on each side of a tile of pairs.</summary>
    public const int TileRows = 4;

    /// <summary>The tiles that hold all pairs of n rows: those on and above the diagonal.</summary>
    public static int Tiles(int n)
    {
        int side = (n + TileRows - 1) / TileRows;
        return side * (side + 1) / 2;
    }

    /// <summary>One thread a chunk, tile of 4 by 4 rows, and lane: sixteen neighbours read sixteen neighbouring floats, and the tiles of a
    /// chunk find its rows in the cache.</summary>
    /// <param name="lanes">Pair by pair (i &lt; j, ascending), chunk by chunk, the sixteen lanes.</param>
    internal static void LaneKernel(
        Index1D at, ArrayView<float> memory, ArrayView<long> offsets, int rows, int width, int chunks, int tiles, ArrayView<float> lanes)
    {
        int lane = at % Lanes, tile = at / Lanes % tiles, chunk = at / Lanes / tiles;
        int top = 0, left = tile, across = (rows + TileRows - 1) / TileRows;
        while (left >= across)
        {
            left -= across;
            across--;
            top++;
        }

        int i = top * TileRows, j = (top + left) * TileRows, last = rows - 1;
        long x0 = offsets[i], x1 = offsets[Math.Min(i + 1, last)], x2 = offsets[Math.Min(i + 2, last)], x3 = offsets[Math.Min(i + 3, last)];
        long y0 = offsets[j], y1 = offsets[Math.Min(j + 1, last)], y2 = offsets[Math.Min(j + 2, last)], y3 = offsets[Math.Min(j + 3, last)];
        Four s0 = default, s1 = default, s2 = default, s3 = default;
        int end = Math.Min((chunk + 1) * Chunk, width);
        for (int k = (chunk * Chunk) + lane; k < end; k += Lanes)
        {
            Four y = new() { A = memory[y0 + k], B = memory[y1 + k], C = memory[y2 + k], D = memory[y3 + k] };
            s0 = s0.PlusSquares(memory[x0 + k], y);
            s1 = s1.PlusSquares(memory[x1 + k], y);
            s2 = s2.PlusSquares(memory[x2 + k], y);
            s3 = s3.PlusSquares(memory[x3 + k], y);
        }

        int to = (chunk * Lanes) + lane, step = chunks * Lanes;
        Store(s0, i, j, rows, lanes, to, step);
        Store(s1, i + 1, j, rows, lanes, to, step);
        Store(s2, i + 2, j, rows, lanes, to, step);
        Store(s3, i + 3, j, rows, lanes, to, step);
    }

    /// <summary>One thread a pair and chunk: joins its lanes by halves.</summary>
    internal static void JoinKernel(Index1D at, ArrayView<float> lanes, ArrayView<float> chunkSums)
    {
        int first = at * Lanes;
        for (int half = Lanes / 2; half > 0; half /= 2)
            for (int l = 0; l < half; l++)
                lanes[first + l] = Portable.Add(lanes[first + l], lanes[first + l + half]);
        chunkSums[at] = lanes[first];
    }

    /// <summary>One thread a pair: adds its chunks in their order.</summary>
    internal static void SumKernel(Index1D pair, int chunks, ArrayView<float> chunkSums, ArrayView<double> distances)
    {
        double sum = 0, segment = 0;
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            segment += chunkSums[((long)(int)pair * chunks) + chunk];
            if ((chunk + 1) % (Segment / Chunk) != 0 && chunk != chunks - 1) continue;
            sum += segment;
            segment = 0;
        }

        distances[pair] = sum;
    }

    private static void Store(Four sums, int i, int j, int rows, ArrayView<float> lanes, int at, int step)
    {
        // Pairs before row i, then those of row i before column j.
        int pair = (i * (rows - 1)) - (i * (i - 1) / 2) + j - i - 1;
        if (i < j & j < rows) lanes[((long)pair * step) + at] = sums.A;
        if (i < j + 1 & j + 1 < rows) lanes[((long)(pair + 1) * step) + at] = sums.B;
        if (i < j + 2 & j + 2 < rows) lanes[((long)(pair + 2) * step) + at] = sums.C;
        if (i < j + 3 & j + 3 < rows) lanes[((long)(pair + 3) * step) + at] = sums.D;
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

        private static float PlusSquare(float sum, float x, float y)
        {
            float difference = Portable.Subtract(x, y);
            return Portable.Fma(difference, difference, sum);
        }
    }
}
