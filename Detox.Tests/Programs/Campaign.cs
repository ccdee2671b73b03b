namespace Detox.Tests.Programs;

/// <summary>Whether the tests run every combination, which takes long (jobs/matrix.sh), or a part that stands for them.</summary>
internal static class Campaign
{
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("DETOX_MATRIX") == "full";
}
