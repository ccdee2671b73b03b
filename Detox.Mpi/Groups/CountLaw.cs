namespace Detox.Mpi.Groups;

/// <summary>The law of a number of groups: how probable each number is.</summary>
public sealed class CountLaw
{
    private readonly double[] _probabilities;

    /// <param name="first">The number that the first weight belongs to.</param>
    /// <param name="weights">In proportion to the probabilities of <paramref name="first"/> and the numbers behind it; others have none.</param>
    public CountLaw(int first, ReadOnlySpan<double> weights)
    {
        double sum = 0;
        foreach (double weight in weights) sum += weight;
        if (!(sum > 0 && double.IsFinite(sum))) throw new ArgumentException($"expected weights with a positive sum, found {sum}", nameof(weights));
        First = first;
        _probabilities = new double[weights.Length];
        for (int i = 0; i < weights.Length; i++) _probabilities[i] = weights[i] / sum;
    }

    /// <summary>The least number that has a probability.</summary>
    public int First { get; }

    /// <summary>The greatest.</summary>
    public int Last => First + _probabilities.Length - 1;

    /// <summary>Of <see cref="First"/> to <see cref="Last"/>.</summary>
    public ReadOnlySpan<double> Probabilities => _probabilities;

    public double Mean => Expect(count => count);

    public double this[int count] => count < First || count > Last ? 0 : _probabilities[count - First];

    public static CountLaw Certain(int count) => new(count, [1]);

    /// <summary>The probability that it is at least so many; a small one keeps its digits.</summary>
    public double AtLeast(int count)
    {
        if (count <= First) return 1;
        double sum = 0;
        for (int c = Last; c >= count; c--) sum += this[c];
        return sum;
    }

    public double Expect(Func<int, double> value)
    {
        double sum = 0;
        for (int count = First; count <= Last; count++) sum += this[count] * value(count);
        return sum;
    }

    /// <summary>The law of the sum with an independent number.</summary>
    public CountLaw Plus(CountLaw other)
    {
        double[] sum = new double[_probabilities.Length + other._probabilities.Length - 1];
        for (int i = 0; i < _probabilities.Length; i++)
            for (int j = 0; j < other._probabilities.Length; j++) sum[i + j] += _probabilities[i] * other._probabilities[j];
        return new CountLaw(First + other.First, sum);
    }
}
