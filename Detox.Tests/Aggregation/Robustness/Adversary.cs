using Detox.Gpu;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Tests.Aggregation.Plain;

namespace Detox.Tests.Aggregation.Robustness;

/// <summary>Knows the honest rows and the rule's every bit, and climbs: it changes its f rows a little, or wholly, and keeps what takes the result further from the honest rows' mean.</summary>
internal sealed class Adversary : IDisposable
{
    /// <summary>What float32 rows and distances may add to a bound: a part of it, and a part of the rows' own size.</summary>
    private const double Rounding = 1e-3, RoundingOfRows = 1e-6;

    private const int MostWidth = 10;

    private readonly Promise _promise;
    private readonly CpuDevice _device = new(1);
    private readonly AggregationRule _rule;
    private readonly DeviceBuffer _memory;
    private readonly DeviceBuffer _output;
    private readonly long[] _offsets;
    private readonly float[] _result;
    private readonly float[][] _honest;
    private readonly int[] _wrong;
    private readonly HonestRows _judge;
    private readonly double _bound;
    private SeededRandom _random;

    public Adversary(Promise promise, ulong seed)
    {
        _promise = promise;
        _random = new SeededRandom(seed, (ulong)promise.N, (ulong)promise.F);
        int n = promise.N, width = 3 + _random.NextInt(MostWidth - 2);
        _honest = HonestRows.Draw(n - promise.F, width, ref _random);
        Honest = new HonestRows(HonestRows.Exact(_honest));

        // Static clipping changes every row by itself: what comes behind it promises the mean of what it made of the honest ones.
        _judge = promise.Before is [{ } first] && first.StartsWith("clipping", StringComparison.Ordinal) ? new HonestRows(new PlainRules(promise.F).Prepare(first, HonestRows.Exact(_honest))) : Honest;
        double size = Math.Sqrt(PlainRules.SquaredNorm(_judge.Mean));
        _bound = (promise.Bound(_judge) * (1 + Rounding)) + (RoundingOfRows * size);
        _rule = AggregationRule.Parse(promise.Before, promise.Rule, promise.F);
        _memory = _device.Allocate((long)n * width);
        _output = _device.Allocate(width);
        _offsets = [.. Enumerable.Range(0, n).Select(i => (long)i * width)];
        _result = new float[width];

        // The first row is honest: monna takes its own.
        int[] places = [.. Enumerable.Range(1, n - 1)];
        _random.Shuffle(places.AsSpan());
        _wrong = places[..promise.F];
    }

    public HonestRows Honest { get; }

    /// <summary>The result's distance from the honest mean over the bound, as large as it could make it, and the rows that do it.</summary>
    public (double Share, float[][] Rows) Search(int evaluations, int climbs)
    {
        (double Share, float[][] Rows) worst = (0, []);
        for (int climb = 0; climb < climbs; climb++)
        {
            float[][] rows = Start(climb);
            double share = Evaluate(rows);
            for (int evaluation = 1; evaluation < evaluations / climbs; evaluation++)
            {
                float[][] next = [.. rows];
                Change(next);
                double reached = Evaluate(next);
                if (reached >= share) (share, rows) = (reached, next);
            }

            if (share > worst.Share) worst = (share, rows);
        }

        return worst;
    }

    public double Evaluate(float[][] rows)
    {
        for (int i = 0; i < rows.Length; i++) _device.Write(rows[i], _memory.All.Slice(_offsets[i], _result.Length));
        _rule.Aggregate(_device, new Rows(_memory.All, _offsets, _result.Length), _output.All);
        _device.Read(_output.All, _result);
        double distance = Math.Sqrt(PlainRules.SquaredDistance(Array.ConvertAll(_result, x => (double)x), _judge.Mean));
        return distance / _bound;
    }

    public void Dispose()
    {
        _rule.Dispose();
        _memory.Dispose();
        _output.Dispose();
        _device.Dispose();
    }

    private float[][] Start(int climb)
    {
        float[][] rows = new float[_promise.N][];
        int next = 0;
        for (int i = 0; i < rows.Length; i++) rows[i] = _wrong.Contains(i) ? [] : _honest[next++];
        float[] direction = Direction();
        float spread = Spread(), far = MathF.Pow(10, _random.NextFloat(0, 12));
        for (int k = 0; k < _wrong.Length; k++)
        {
            rows[_wrong[k]] = (climb % 8) switch
            {
                // Far out, at the edge of what the geometric median listens to, and one on the mean of all others.
                0 => Moved(direction, k % 2 == 0 ? 9000 * spread : -9000 * spread),
                1 => Moved(direction, 0),
                2 => [.. _honest[_random.NextInt(_honest.Length)]],
                3 => [.. Honest.Mean.Select(x => (float)-x)],
                4 => Moved(direction, spread),
                5 => Moved(direction, far * spread),
                6 => Moved(Direction(), far * spread),
                _ => Moved(direction, k % 2 == 0 ? far * spread : spread),
            };
        }

        if (climb % 8 == 0) rows[_wrong[^1]] = MeanWithout(rows, _wrong[^1]);
        return rows;
    }

    private void Change(float[][] rows)
    {
        int one = _wrong[_random.NextInt(_wrong.Length)];
        float step = Spread() * MathF.Pow(10, _random.NextFloat(-5, 5));
        float[] direction = Direction();
        switch (_random.NextInt(9))
        {
            case 0:
                foreach (int i in _wrong) rows[i] = Sum(rows[i], direction, step);
                break;
            case 1:
                foreach (int i in _wrong) rows[i] = rows[one];
                break;
            case 2:
                rows[one] = [.. rows[_random.NextInt(rows.Length)]];
                break;
            case 3:
                rows[one] = MeanWithout(rows, one);
                break;
            case 4:
                float factor = MathF.Pow(10, _random.NextFloat(-1, 1));
                rows[one] = [.. rows[one].Zip(Honest.Mean, (x, mean) => (float)(mean + ((x - mean) * factor)))];
                break;
            case 5:
                rows[one] = [.. rows[one].Zip(Honest.Mean, (x, mean) => (float)((2 * mean) - x))];
                break;
            case 6:
                int column = _random.NextInt(direction.Length);
                rows[one] = [.. rows[one]];
                rows[one][column] = _random.NextInt(2) == 0 ? MathF.BitIncrement(rows[one][column]) : rows[one][column] + step;
                break;
            default:
                rows[one] = Sum(rows[one], direction, step);
                break;
        }
    }

    private float Spread() => (float)Math.Sqrt(Honest.Variance);

    private float[] Direction()
    {
        float[] direction = new float[_result.Length];
        for (int j = 0; j < direction.Length; j++) direction[j] = _random.NextFloat(-1, 1);
        float length = MathF.Sqrt(direction.Sum(x => x * x));
        return [.. direction.Select(x => x / length)];
    }

    private float[] Moved(float[] direction, float distance) => [.. Honest.Mean.Zip(direction, (x, part) => (float)(x + (part * distance)))];

    private static float[] Sum(float[] row, float[] direction, float step) => [.. row.Zip(direction, (x, part) => x + (part * step))];

    private static float[] MeanWithout(float[][] rows, int one)
        => [.. Enumerable.Range(0, rows[one].Length).Select(j => (float)rows.Where((_, i) => i != one).Average(row => (double)row[j]))];
}
