using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Detox.Gpu.Kernels;

/// <summary>Squares of four by four floats, by which matrices are turned.</summary>
internal static unsafe class Squares
{
    /// <summary>The columns of the square that has these rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> First, Vector128<float> Second, Vector128<float> Third, Vector128<float> Fourth) Turn(
        Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d)
    {
        (Vector128<float> ac, Vector128<float> ac2) = Interleave(a, c);
        (Vector128<float> bd, Vector128<float> bd2) = Interleave(b, d);
        (a, b) = Interleave(ac, bd);
        (c, d) = Interleave(ac2, bd2);
        return (a, b, c, d);
    }

    /// <summary>Turns a matrix: what is column after column of a row becomes row after row of a column.</summary>
    /// <param name="pitch">Floats from a row to the next.</param>
    /// <param name="turnedPitch">Floats from a column to the next, once it is turned.</param>
    public static void Turn(float* matrix, int rows, int columns, long pitch, float* turned, long turnedPitch)
    {
        int square = columns & ~3, row = 0;
        for (; row <= rows - 4; row += 4, matrix += 4 * pitch)
        {
            float* place = turned + row;
            for (int column = 0; column < square; column += 4, place += 4 * turnedPitch)
            {
                (Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d) = Turn(
                    Vector128.Load(matrix + column), Vector128.Load(matrix + pitch + column),
                    Vector128.Load(matrix + (2 * pitch) + column), Vector128.Load(matrix + (3 * pitch) + column));
                a.Store(place);
                b.Store(place + turnedPitch);
                c.Store(place + (2 * turnedPitch));
                d.Store(place + (3 * turnedPitch));
            }

            for (int column = square; column < columns; column++)
                for (int i = 0; i < 4; i++) turned[(column * turnedPitch) + row + i] = matrix[(i * pitch) + column];
        }

        for (; row < rows; row++, matrix += pitch)
            for (int column = 0; column < columns; column++) turned[(column * turnedPitch) + row] = matrix[column];
    }

    /// <summary>a0 b0 a1 b1 and a2 b2 a3 b3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<float> Low, Vector128<float> High) Interleave(Vector128<float> a, Vector128<float> b)
    {
        if (Sse.IsSupported) return (Sse.UnpackLow(a, b), Sse.UnpackHigh(a, b));
        if (AdvSimd.Arm64.IsSupported) return (AdvSimd.Arm64.ZipLow(a, b), AdvSimd.Arm64.ZipHigh(a, b));
        return (Vector128.Create(a[0], b[0], a[1], b[1]), Vector128.Create(a[2], b[2], a[3], b[3]));
    }
}
