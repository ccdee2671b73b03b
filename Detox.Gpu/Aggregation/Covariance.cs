using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace Detox.Gpu.Aggregation;

/// <summary>The top eigenpair of the covariance of vectors with weights p of the sum 1, exactly, through their distances.</summary>
/// <remarks>sum_i p_i (x_i - m)(x_i - m)^T, d x d, has the eigenvalues of the matrix sqrt(p_i p_j) G_ij, m' x m' for the m' vectors with a weight, where G_ij = (x_i - m).(x_j - m) =
/// (e_i + e_j - D_ij - sum_k p_k e_k) / 2 and e_i = sum_k p_k D_ik. With an eigenvector u of it, (x_i - m).v = sqrt(eigenvalue / p_i) u_i for the unit eigenvector v.</remarks>
internal sealed class Covariance
{
    private int[] _members = [];
    private double[] _squares = [];

    /// <summary>Of the vectors whose weight is not 0; they must lie at finite distances.</summary>
    /// <param name="weights">p.</param>
    /// <param name="squaredDistances">n x n.</param>
    /// <param name="squaredProjections">n: of each vector on the top eigenvector, from the mean; 0 where the weight is 0.</param>
    /// <returns>The eigenvalue.</returns>
    public double Top(ReadOnlySpan<double> weights, ReadOnlySpan<double> squaredDistances, Span<double> squaredProjections)
    {
        int n = weights.Length, count = 0;
        if (_members.Length < n)
        {
            _members = new int[n];
            _squares = new double[n];
        }

        for (int i = 0; i < n; i++)
            if (weights[i] != 0) _members[count++] = i;
        double spread = 0;
        for (int a = 0; a < count; a++)
        {
            double sum = 0;
            for (int b = 0; b < count; b++) sum += weights[_members[b]] * squaredDistances[(_members[a] * n) + _members[b]];
            _squares[a] = sum;
            spread += weights[_members[a]] * sum;
        }

        Matrix<double> gram = Matrix<double>.Build.Dense(count, count);
        for (int a = 0; a < count; a++)
        {
            for (int b = 0; b <= a; b++)
            {
                int i = _members[a], j = _members[b];
                double product = (_squares[a] + _squares[b] - squaredDistances[(i * n) + j] - spread) / 2;
                gram[a, b] = gram[b, a] = Math.Sqrt(weights[i] * weights[j]) * product;
            }
        }

        Evd<double> pairs = gram.Evd(Symmetricity.Symmetric);
        double top = Math.Max(pairs.EigenValues[count - 1].Real, 0);
        squaredProjections.Clear();
        for (int a = 0; a < count; a++)
        {
            double u = pairs.EigenVectors[a, count - 1];
            squaredProjections[_members[a]] = top * u * u / weights[_members[a]];
        }

        return top;
    }
}
