using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Tests.Kernels;

/// <summary>The loss and its gradient.</summary>
internal static class LossCases
{
    public static IEnumerable<OpCase> All()
    {
        foreach ((int samples, int classes, float scale) in new[] { (0, 4, 1f), (1, 1, 1f), (1, 2, 1f), (5, 10, 3f), (33, 10, 40f), (3, 100, 100f), (128, 3, 9f), (300, 7, 5f) })
        {
            int[] labels = [.. Enumerable.Range(0, samples).Select(i => i * 7 % classes)];
            foreach (bool wild in OpCases.Both)
            {
                yield return new(nameof(SoftmaxCrossEntropy), $"{samples} samples of {classes} classes{(wild ? ", wild" : "")}", samples * classes < 400, ExactNaN: false, o =>
                    o.Device.Run(new SoftmaxCrossEntropy(wild ? o.Wild(samples * classes, 35) : o.Random(samples * classes, 36, -scale, scale), labels, classes, o.Unwritten(samples * classes), o.Unwritten(1))));
            }
        }
    }
}
