using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class PairwiseSquaredDistances
{
    /// <summary>One thread a pair, chunk and lane: sixteen neighbours read sixteen neighbouring floats.</summary>
    internal static void LaneKernel(
        Index1D at, ArrayView<float> memory, ArrayView<long> offsets, int rows, int width, int chunks, ArrayView<float> lanes)
    {
        int lane = at % Lanes, chunk = at / Lanes % chunks, pair = at / Lanes / chunks;
        int i = 0, others = rows - 1;
        while (pair >= others)
        {
            pair -= others;
            others--;
            i++;
        }

        long x = offsets[i], y = offsets[i + 1 + pair];
        int end = (chunk + 1) * Chunk;
        if (end > width) end = width;
        float sum = 0;
        for (int k = (chunk * Chunk) + lane; k < end; k += Lanes)
        {
            float difference = Portable.Subtract(memory[x + k], memory[y + k]);
            sum = Portable.Fma(difference, difference, sum);
        }

        lanes[at] = sum;
    }

    /// <summary>One thread a pair: joins its lanes and chunks in their order.</summary>
    internal static void JoinKernel(Index1D pair, int chunks, ArrayView<float> lanes, ArrayView<double> distances)
    {
        double sum = 0, segment = 0;
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            long first = (((long)(int)pair * chunks) + chunk) * Lanes;
            for (int half = Lanes / 2; half > 0; half /= 2)
                for (int l = 0; l < half; l++)
                    lanes[first + l] = Portable.Add(lanes[first + l], lanes[first + l + half]);
            segment += lanes[first];
            if ((chunk + 1) % (Segment / Chunk) != 0 && chunk != chunks - 1) continue;
            sum += segment;
            segment = 0;
        }

        distances[pair] = sum;
    }
}
