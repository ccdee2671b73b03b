using System.Diagnostics.CodeAnalysis;

namespace Detox.Gpu.Kernels;

/// <summary>Vectors of 32-bit words, so that a hash is written once for every width.</summary>
internal interface IWordLanes<V>
    where V : unmanaged
{
    static abstract int Count { get; }

    /// <summary>0, 1, 2 and so on, lane by lane.</summary>
    static abstract V Numbers { get; }

    static abstract V All(uint value);

    static abstract V Add(V a, V b);

    static abstract V Xor(V a, V b);

    static abstract V And(V a, V b);

    static abstract V Max(V a, V b);

    static abstract V RotateRight(V a, [ConstantExpected] byte bits);

    /// <summary>Sixteen words from as many places as there are lanes, <paramref name="stride"/> words apart: one vector a word, one lane a place.</summary>
    static abstract unsafe void LoadColumns(uint* from, long stride, V* columns);
}
