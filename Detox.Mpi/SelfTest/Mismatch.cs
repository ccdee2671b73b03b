using System.Globalization;

namespace Detox.Mpi.SelfTest;

/// <summary>One float that a step of a model writes at a place.</summary>
/// <param name="Place">"CPU core 3 at 512 bits".</param>
/// <param name="Op">"convolution layer1.0.conv1 backward".</param>
internal sealed record Element(string Model, int Step, string Place, string Op, string Tensor, long Index)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Model} step {Step}, {Place}: {Op}, {Tensor}, element {Index}");
}

/// <summary>A float with other bits than the right ones; all that was written before it is right.</summary>
internal sealed record Mismatch(Element Where, float Expected, float Found)
{
    public override string ToString() => $"{Where}: expected {Text(Expected)}, found {Text(Found)}";

    private static string Text(float value) => string.Create(CultureInfo.InvariantCulture, $"{value:R} (0x{BitConverter.SingleToUInt32Bits(value):x8})");
}
