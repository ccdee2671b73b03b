namespace Detox.Mpi.Attacks;

/// <summary>All attackers send one point of a line through what honest ranks have computed: origin + factor * direction.</summary>
/// <remarks>The line follows coordinate by coordinate from the honest payloads, in double; the factor is one for the whole payload.</remarks>
public abstract class LineAttack : Attack
{
    private double[] _origin = [];
    private double[] _direction = [];

    public sealed override bool NeedsHonestGradients => true;

    /// <summary>Of the payload at hand, a coordinate each.</summary>
    protected ReadOnlySpan<double> Origin => _origin;

    /// <inheritdoc cref="Origin"/>
    protected ReadOnlySpan<double> Direction => _direction;

    public sealed override void Collude(HonestPayloads honest, in AttackContext context, Span<float> payload)
    {
        if (_origin.Length != payload.Length) (_origin, _direction) = (new double[payload.Length], new double[payload.Length]);
        double[] column = new double[honest.Count];
        for (int j = 0; j < payload.Length; j++)
        {
            honest.Column(j, column);
            (_origin[j], _direction[j]) = Line(column);
        }

        Point(Factor(honest, context), payload);
    }

    /// <summary>A coordinate of the line, from the honest payloads' values there.</summary>
    protected abstract (double Origin, double Direction) Line(ReadOnlySpan<double> values);

    /// <summary>How far along <see cref="Direction"/> the attackers go.</summary>
    protected abstract double Factor(HonestPayloads honest, in AttackContext context);

    /// <summary>The first coordinates of a point of the line.</summary>
    private protected void Point(double factor, Span<float> point)
    {
        for (int j = 0; j < point.Length; j++) point[j] = (float)(_origin[j] + (factor * _direction[j]));
    }
}
