using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Mpi.Attacks;

/// <summary>Joins honest gradients and copies of a forged one as the run's rule will, to see how far off the result is.</summary>
internal sealed class RuleProbe : IDisposable
{
    private readonly CpuDevice _device = new(threads: 1);
    private readonly DeviceBuffer _memory;
    private readonly DeviceBuffer _result;
    private readonly KnownRule _rule;
    private readonly ulong _seed;
    private readonly int _width;
    private readonly long[] _offsets;
    private readonly double[] _mean;
    private readonly View _forged;

    public RuleProbe(HonestPayloads honest, in AttackContext context)
    {
        _rule = context.Rule ?? throw new ArgumentException("There is no rule to try.", nameof(context));
        _seed = context.Shared.NextBits();
        _width = context.GradientLength;
        _memory = _device.Allocate((honest.Count + 1L) * _width);
        _result = _device.Allocate(_width);
        for (int i = 0; i < honest.Count; i++) _device.Write(honest[i][.._width], _memory.All.Slice((long)i * _width, _width));
        _forged = _memory.All.Slice((long)honest.Count * _width, _width);
        _offsets = [.. honest.Joined.Select(row => row == HonestPayloads.Forged ? _forged.Offset : (long)row * _width)];

        double[] column = new double[honest.Count];
        _mean = new double[_width];
        for (int j = 0; j < _width; j++)
        {
            honest.Column(j, column);
            _mean[j] = Moments.Mean(column);
        }
    }

    /// <summary>d floats: what the attackers would send.</summary>
    public Span<float> Forged => CpuDevice.Floats(_forged);

    /// <summary>The distance of the rule's result from the honest mean. What is not finite wins no vote, and does no damage.</summary>
    public double Damage()
    {
        foreach (float value in Forged)
            if (!float.IsFinite(value)) return double.NegativeInfinity;
        _rule.Aggregate(_device, new Rows(_memory.All, _offsets, _width), _seed, _result.All);
        ReadOnlySpan<float> result = CpuDevice.Floats(_result.All);
        double squares = 0;
        for (int j = 0; j < result.Length; j++) squares += (result[j] - _mean[j]) * (result[j] - _mean[j]);
        return Math.Sqrt(squares);
    }

    public void Dispose()
    {
        _memory.Dispose();
        _result.Dispose();
        _device.Dispose();
    }
}
