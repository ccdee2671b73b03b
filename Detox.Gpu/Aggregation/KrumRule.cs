using Detox.Gpu.Devices;

namespace Detox.Gpu.Aggregation;

/// <summary>Krum: the one row that lies closest to the n-f-2 rows nearest to it.</summary>
/// <remarks>A row's score is the sum of the squared distances to its n-f-2 nearest others, added in ascending order. Of
/// equal scores the row whose next nearest row is nearer wins, and so on; after that the first. Source: Blanchard, El Mhamdi, Guerraoui, Stainer 2017, "Machine learning with
/// adversaries: Byzantine tolerant gradient descent".</remarks>
public sealed class KrumRule(int f) : AggregationRule
{
    private readonly KrumScores _krum = new();

    public override string Name => $"krum(f={f})";

    public override int RowsNeeded => (2 * f) + 3;

    public override string RowsNeededText => $"2f+3 = {RowsNeeded} rows for f = {f}";

    protected override void Reduce(Device device, Rows rows, View output)
    {
        _krum.Measure(device, rows);
        _krum.Score(rows.Count - f - 2);
        device.Copy(rows[_krum.Best()], output);
    }
}
