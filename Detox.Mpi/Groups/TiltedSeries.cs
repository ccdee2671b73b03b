using System.Numerics;

namespace Detox.Mpi.Groups;

/// <summary>A polynomial with coefficients from 0 up, on circles around the origin: there it is its value at the radius times a mean of
/// phases, whose weights are a law of the powers, the tilted law.</summary>
/// <remarks>Coefficients are held as logarithms: those of C(r, b) leave the range of a double where r is above 1,029.</remarks>
internal sealed class TiltedSeries
{
    // A power that has less of the whole is left out.
    private const double LeastShare = 1e-22;

    private readonly double[] _logs;
    private readonly double[] _shares;
    private int _from;
    private int _to;

    /// <param name="logs">The logarithms of the coefficients of x^0, x^1, ...; negative infinity for 0.</param>
    public TiltedSeries(ReadOnlySpan<double> logs)
    {
        int first = logs.IndexOfAnyExcept(double.NegativeInfinity), last = logs.LastIndexOfAnyExcept(double.NegativeInfinity);
        IsZero = first < 0;
        Lowest = Math.Max(first, 0);
        Highest = Math.Max(last, 0);
        _logs = IsZero ? [] : logs[first..(last + 1)].ToArray();
        _shares = new double[_logs.Length];
    }

    /// <summary>Whether no power has a coefficient.</summary>
    public bool IsZero { get; }

    /// <summary>The lowest power that has one.</summary>
    public int Lowest { get; }

    public int Highest { get; }

    public double LogOfLowest => IsZero ? double.NegativeInfinity : _logs[0];

    public double LogOfHighest => IsZero ? double.NegativeInfinity : _logs[^1];

    /// <summary>The logarithm of the value at the radius.</summary>
    public double Log { get; private set; }

    /// <summary>Of the tilted law.</summary>
    public double Mean { get; private set; }

    public double Variance { get; private set; }

    /// <summary>The sum of the products of neighbouring powers' probabilities. At an angle a no value is above the value at the radius times
    /// e^(-(1 - cos a) of this): its square is 1 less 2 (1 - cos((i - j) a)) for each pair of powers, of which only neighbours are counted here.</summary>
    public double Neighbours { get; private set; }

    /// <summary>Takes the circle of a radius, given by its logarithm.</summary>
    public void MoveTo(double logRadius)
    {
        if (IsZero) return;
        double most = double.NegativeInfinity;
        for (int i = 0; i < _logs.Length; i++) most = Math.Max(most, _logs[i] + (i * logRadius));
        double sum = 0;
        for (int i = 0; i < _logs.Length; i++) sum += _shares[i] = Math.Exp(_logs[i] + (i * logRadius) - most);
        double mean = 0, square = 0;
        (_from, _to) = (_logs.Length, 0);
        for (int i = 0; i < _logs.Length; i++)
        {
            double share = _shares[i] /= sum;
            mean += share * i;
            if (share < LeastShare) continue;
            _from = Math.Min(_from, i);
            _to = i + 1;
        }

        for (int i = _from; i < _to; i++) square += _shares[i] * (i - mean) * (i - mean);
        Log = most + Math.Log(sum) + (Lowest * logRadius);
        Mean = Lowest + mean;
        Variance = square;
        Neighbours = 0;
        for (int i = 1; i < _shares.Length; i++) Neighbours += _shares[i - 1] * _shares[i];
    }

    /// <summary>The value at an angle of the circle, divided by the value at the radius and by e^(i <see cref="Lowest"/> angle).</summary>
    public Complex At(double angle)
    {
        Complex turn = Complex.FromPolarCoordinates(1, angle), value = Complex.Zero;
        for (int i = _to - 1; i >= _from; i--) value = (value * turn) + _shares[i];
        return _from == 0 ? value : value * Complex.FromPolarCoordinates(1, angle * _from);
    }
}
