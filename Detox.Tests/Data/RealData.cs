using Detox.Mpi.Data;
using NUnit.Framework;

namespace Detox.Tests.Data;

/// <summary>Real images are not part of the project: tests that want them are told where they are.</summary>
internal static class RealData
{
    public static string Folder(string variable)
    {
        string? folder = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrEmpty(folder)) Assert.Ignore($"{variable} names no folder of real images; set it to run this test.");
        return folder!;
    }

    /// <summary>Mean and deviation over all normalised pixels, and how many samples each class has.</summary>
    public static (double Mean, double Deviation, int[] PerClass) Moments(Dataset data)
    {
        var pixels = new float[data.Shape.Length];
        var perClass = new int[data.Classes];
        double sum = 0, squares = 0;
        for (int i = 0; i < data.Count; i++)
        {
            perClass[data.Read(i, pixels)]++;
            foreach (float x in pixels)
            {
                sum += x;
                squares += (double)x * x;
            }
        }
        double count = (double)data.Count * pixels.Length, mean = sum / count;
        return (mean, Math.Sqrt((squares / count) - (mean * mean)), perClass);
    }
}
