using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Tests.Kernels;

/// <summary>Ops that compute element by element.</summary>
internal static class ElementwiseCases
{
    /// <summary>None, a part of a vector, whole ones and a rest, whole blocks and a rest.</summary>
    private static readonly int[] _lengths = [0, 1, 7, 8, 9, 33, 130, 257, 16_384, 32_771, 40_001];

    public static IEnumerable<OpCase> All()
    {
        foreach (int length in _lengths)
        {
            bool tiny = length <= 257;
            string floats = $"{length} floats";
            yield return new(nameof(Fill), floats, tiny, ExactNaN: true, o => o.Device.Run(new Fill(o.Wild(length, 1), -0f)));
            yield return new(nameof(ReluForward), floats, tiny, ExactNaN: true, o => o.Device.Run(new ReluForward(o.Wild(length, 2))));
            yield return new(nameof(ReluBackward), floats, tiny, ExactNaN: true, o => o.Device.Run(new ReluBackward(o.Wild(length, 3), o.Wild(length, 4))));
            int chains = length / 7 * FmaChains.ThreadChains;
            foreach (bool wild in OpCases.Both)
            {
                string values = wild ? $"{floats}, wild" : floats;
                yield return new(nameof(SgdStep), values, tiny, ExactNaN: false, o => o.Device.Run(new SgdStep(o.Values(length, 5, wild), o.Values(length, 6, wild), o.Values(length, 7, wild), 0.1f, 0.9f, 5e-4f)));
                yield return new(nameof(MovingAverage), values, tiny, ExactNaN: false, o => o.Device.Run(new MovingAverage(o.Values(length, 8, wild), o.Values(length, 9, wild), 32f / 31, 0.1f)));
                yield return new(nameof(FmaChains), $"{chains} floats", tiny, ExactNaN: false, o => o.Device.Run(new FmaChains(o.Values(chains, 10, wild), 5)));
                yield return new(nameof(Addition), values, tiny, ExactNaN: false, o => o.Device.Run(new Addition(o.Values(length, 11, wild), o.Values(length, 12, wild), o.Unwritten(length))));
                yield return new(nameof(Addition), $"{values}, in place", tiny, ExactNaN: false, o =>
                {
                    View left = o.Values(length, 13, wild);
                    o.Device.Run(new Addition(left, o.Values(length, 14, wild), left));
                });
            }
        }
    }
}
