using System.Numerics;
using System.Runtime.InteropServices;
using Detox.Mpi.Data;

namespace Detox.Tests.Data;

/// <summary>Plain stochastic gradient descent on a linear softmax classifier.</summary>
internal sealed class LinearClassifier(int inputs, int classes)
{
    private readonly float[] _weights = new float[classes * inputs], _bias = new float[classes];

    public void TrainOneEpoch(Dataset data, int batch, float rate)
    {
        var pixels = new float[batch][];
        var slopes = new float[batch][];
        for (int b = 0; b < batch; b++) (pixels[b], slopes[b]) = (new float[inputs], new float[classes]);
        // A stride that shares no factor with the count visits every sample once.
        const long Stride = 7919;
        for (int start = 0; start + batch <= data.Count; start += batch)
        {
            for (int b = 0; b < batch; b++)
            {
                int label = data.Read((int)((start + b) * Stride % data.Count), pixels[b]);
                Probabilities(pixels[b], slopes[b]);
                slopes[b][label] -= 1;
            }
            for (int c = 0; c < classes; c++)
            {
                for (int b = 0; b < batch; b++)
                {
                    Add(_weights.AsSpan(c * inputs, inputs), pixels[b], -rate / batch * slopes[b][c]);
                    _bias[c] -= rate / batch * slopes[b][c];
                }
            }
        }
    }

    public double Accuracy(Dataset data)
    {
        int right = 0;
        var pixels = new float[inputs];
        var scores = new float[classes];
        for (int i = 0; i < data.Count; i++)
        {
            int label = data.Read(i, pixels);
            Probabilities(pixels, scores);
            if (scores.AsSpan().IndexOf(scores.Max()) == label) right++;
        }
        return (double)right / data.Count;
    }

    private void Probabilities(float[] x, float[] probabilities)
    {
        for (int c = 0; c < classes; c++) probabilities[c] = _bias[c] + Dot(_weights.AsSpan(c * inputs, inputs), x);
        float most = probabilities.Max();
        for (int c = 0; c < classes; c++) probabilities[c] = MathF.Exp(probabilities[c] - most);
        float sum = probabilities.Sum();
        for (int c = 0; c < classes; c++) probabilities[c] /= sum;
    }

    private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ReadOnlySpan<Vector4> left = MemoryMarshal.Cast<float, Vector4>(a), right = MemoryMarshal.Cast<float, Vector4>(b);
        Vector4 sum = Vector4.Zero;
        for (int i = 0; i < left.Length; i++) sum += left[i] * right[i];
        return sum.X + sum.Y + sum.Z + sum.W;
    }

    private static void Add(Span<float> a, ReadOnlySpan<float> b, float scale)
    {
        Span<Vector4> left = MemoryMarshal.Cast<float, Vector4>(a);
        ReadOnlySpan<Vector4> right = MemoryMarshal.Cast<float, Vector4>(b);
        for (int i = 0; i < left.Length; i++) left[i] += right[i] * scale;
    }
}
