using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;

namespace Detox.Gpu.Kernels;

/// <summary>Down each column, the mean of the <c>keep</c> values nearest to its centre: its median, or its trimmed mean.</summary>
/// <remarks>The centre is that of <see cref="CoordinateMedian"/> or of <see cref="TrimmedMean"/>. The nearest values are a window of the
/// column in order: it starts at the lowest value and moves up by one as long as the value that would enter is strictly nearer to the
/// centre than the one that would leave, each distance one float32 subtraction; so of two values equally near the lower
/// is kept. A NaN is never near: it is averaged only where fewer than <c>keep</c> values of the column are numbers.
/// The output must not overlap the rows.
/// Portable: the window is summed in its order from +0, then divided by <c>keep</c>; a NaN in the output is always the
/// same one. It does not depend on the order of the rows.
/// Sources: around the median, the last part of bulyan: El Mhamdi, Guerraoui, Rouault 2018, "The hidden vulnerability of distributed
/// learning in Byzantium"; by itself, and around the trimmed mean: Xie, Koyejo, Gupta 2018, "Generalized Byzantine-tolerant SGD" and
/// "Phocas: dimensional Byzantine-resilient stochastic gradient descent".</remarks>
/// <param name="trim">Null: around the median. Else around the mean without so many values at each end, fewer than half of the rows.</param>
/// <param name="keep">From 1 to the number of rows.</param>
public readonly unsafe ref struct MeanAround(Rows rows, int? trim, int keep, View output) : IOp, IVectorOp
{
    private const int Median = -1;

    private static readonly ConcurrentDictionary<int, SortingNetwork> _networks = new();

    static bool IVectorOp.Fuses => false;

    public Rows Rows { get; } = rows;

    public int? Trim { get; } = trim;

    public int Keep { get; } = keep;

    public View Output { get; } = output;

    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, int? trim, int keep, Span<float> output)
    {
        int n = offsets.Length;
        if (trim is { } ends) TrimmedMean.Reference(memory, offsets, ends, output);
        else CoordinateMedian.Reference(memory, offsets, output);
        int[] column = new int[n];
        for (int j = 0; j < output.Length; j++)
        {
            for (int i = 0; i < n; i++) column[i] = Order.Of(memory[(int)offsets[i] + j]);
            Array.Sort(column);
            float centre = output[j];
            int start = 0;
            while (start < n - keep && Order.ToFloat(column[start + keep]) - centre < centre - Order.ToFloat(column[start])) start++;
            float sum = 0;
            for (int i = start; i < start + keep; i++) sum += Order.ToFloat(column[i]);
            output[j] = Order.CanonicalNaN(sum / keep);
        }
    }

    public void Check()
    {
        Pass.Check(Rows, Output);
        if (Keep < 1 || Keep > Rows.Count) throw new ArgumentException($"keep: cannot keep {Keep} of {Rows.Count} values.");
        if (Trim is { } trim) new TrimmedMean(Rows, trim, Output).Check();
    }

    public void Reference() => Reference(Rows.Memory.Floats, Rows.Offsets, Trim, Keep, Output.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);

    public void Run(IlgpuDevice device) => SortedColumnThreads.Run(device, Rows, Around, Output);

    private Window Around => new(Rows.Count, Trim ?? Median, Keep);

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        SortingNetwork network = _networks.GetOrAdd(Rows.Count, static n => new SortingNetwork(n, 0, n - 1));
        SortedColumns<Window>.Run<TLanes, V>(device, Rows, network, Around, Output);
    }

    internal readonly struct Window(int n, int trim, int keep) : ISortedColumns, ISortedColumn
    {
        // How far the window moves is a count, because its steps are all taken before the first that is not.
        // Leaving a value out adds +0, which changes no sum that began at +0.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Finish<TLanes, V>(float* buffer, nint stride, float* output)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            int free = n - keep;
            V centre = trim == Median ? CoordinateMedian.Middle<TLanes, V>(buffer, stride, n) : TrimmedMean.Of<TLanes, V>(buffer, stride, n, trim);
            V start = TLanes.Zero, one = TLanes.All(1);
            for (int k = 0; k < free; k++)
            {
                V leaving = TLanes.FromOrder(TLanes.Load(buffer + (k * stride)));
                V entering = TLanes.FromOrder(TLanes.Load(buffer + ((k + keep) * stride)));
                start = TLanes.Add(start, TLanes.WhereLess(TLanes.Subtract(entering, centre), TLanes.Subtract(centre, leaving), one, TLanes.Zero));
            }

            V sum = TLanes.Zero;
            for (int i = 0; i < n; i++)
            {
                V value = TLanes.FromOrder(TLanes.Load(buffer + (i * stride)));
                if (i < free) value = TLanes.WhereLess(TLanes.All(i), start, TLanes.Zero, value);
                if (i >= keep) value = TLanes.WhereLess(TLanes.All(i - keep), start, value, TLanes.Zero);
                sum = TLanes.Add(sum, value);
            }

            TLanes.Store(TLanes.CanonicalNaN(TLanes.Divide(sum, TLanes.All(keep))), output);
        }

        public float Finish(ColumnMemory column)
        {
            float centre = trim == Median ? CoordinateMedian.Middle(column[(n - 1) / 2], column[n / 2], n) : TrimmedMean.Of(column, n, trim);
            int start = 0;
            while (start < n - keep
                && Portable.Less(Portable.Subtract(Order.ToFloat(column[start + keep]), centre), Portable.Subtract(centre, Order.ToFloat(column[start]))))
            {
                start++;
            }

            float sum = 0;
            for (int i = start; i < start + keep; i++) sum = Portable.Add(sum, Order.ToFloat(column[i]));
            return Order.CanonicalNaN(Portable.Divide(sum, keep));
        }
    }
}
