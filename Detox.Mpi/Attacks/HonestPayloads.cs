using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>What attackers know: distinct honest payloads, in ascending order of their groups.</summary>
/// <param name="messages">Each payload behind the head of the message in which it came.</param>
public readonly struct HonestPayloads(IReadOnlyList<float[]> messages, int count)
{
    public int Count => count;

    public ReadOnlySpan<float> this[int index] => messages[index].AsSpan(Head.Floats);
}
