namespace Detox.Tests.Kernels;

/// <summary>Cases of every op: each shape at which its code takes another way, with ordinary values and with wild ones.</summary>
internal static class OpCases
{
    public static IReadOnlyList<bool> Both { get; } = [false, true];

    public static IReadOnlyList<OpCase> All { get; } =
    [
        .. ElementwiseCases.All(), .. PoolCases.All(), .. NormalisationCases.All(), .. LossCases.All(), .. ConvolutionCases.All(), .. RowCases.All(), .. LeafCases.All(),
    ];

    public static IEnumerable<string> Ops => All.Select(one => one.Op).Distinct();
}
