using NUnit.Framework;

namespace Detox.Tests;

/// <summary>How numbers are compared: to the last bit, or within a named tolerance. A failure names the place.</summary>
internal static class Comparisons
{
    public static void BitEqual(ReadOnlySpan<float> expected, ReadOnlySpan<float> found, string what)
    {
        Assert.That(found.Length, Is.EqualTo(expected.Length), what);
        for (int i = 0; i < expected.Length; i++)
        {
            uint right = BitConverter.SingleToUInt32Bits(expected[i]), bits = BitConverter.SingleToUInt32Bits(found[i]);
            if (right != bits) Assert.Fail($"{what}: at {i} expected {expected[i]:R} (0x{right:x8}), found {found[i]:R} (0x{bits:x8}).");
        }
    }

    public static void BitEqual(ReadOnlySpan<double> expected, ReadOnlySpan<double> found, string what)
    {
        Assert.That(found.Length, Is.EqualTo(expected.Length), what);
        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.DoubleToInt64Bits(expected[i]) != BitConverter.DoubleToInt64Bits(found[i]))
                Assert.Fail($"{what}: at {i} expected {expected[i]:R}, found {found[i]:R}.");
        }
    }

    public static void Within(ReadOnlySpan<double> expected, ReadOnlySpan<float> found, double tolerance, string what)
    {
        Assert.That(found.Length, Is.EqualTo(expected.Length), what);
        for (int i = 0; i < expected.Length; i++) Within(expected[i], found[i], tolerance, $"{what}, at {i}");
    }

    public static void Within(double expected, double found, double tolerance, string what)
    {
        if (!(Math.Abs(expected - found) <= tolerance)) Assert.Fail($"{what}: expected {expected:R} within {tolerance:R}, found {found:R}.");
    }
}
