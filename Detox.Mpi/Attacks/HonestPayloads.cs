namespace Detox.Mpi.Attacks;

/// <summary>What attackers know: distinct honest payloads, in ascending order of their groups, and which of them the rule will see.</summary>
public readonly struct HonestPayloads
{
    /// <summary>Stands in <see cref="Joined"/> for what the attackers send.</summary>
    public const int Forged = -1;

    private readonly float[][] _messages;
    private readonly int _start;

    /// <param name="rows">The rule sees each, and after them the attackers' one so many times.</param>
    /// <exception cref="ArgumentException">Rows differ in length.</exception>
    public HonestPayloads(float[][] rows, int forged)
        : this(rows, rows.Length, start: 0, [.. Enumerable.Range(0, rows.Length), .. Enumerable.Repeat(Forged, forged)])
    {
    }

    /// <param name="messages">Each payload behind what stands in front of it.</param>
    /// <param name="count">Payloads: there may be room for more.</param>
    /// <param name="start">Floats in front of a payload.</param>
    internal HonestPayloads(float[][] messages, int count, int start, IReadOnlyList<int> joined)
    {
        for (int i = 1; i < count; i++)
            if (messages[i].Length != messages[0].Length)
                throw new ArgumentException($"Row {i} has {messages[i].Length - start} floats, row 0 has {messages[0].Length - start}.", nameof(messages));
        (_messages, _start, Count, Joined) = (messages, start, count, joined);
    }

    public int Count { get; }

    /// <summary>The vectors that the rule will join, in its order: each the index of an honest payload, or <see cref="Forged"/>.</summary>
    public IReadOnlyList<int> Joined { get; }

    public ReadOnlySpan<float> this[int index] => _messages[index].AsSpan(_start);

    /// <summary>Every payload's value at one place.</summary>
    /// <param name="values">One for each payload.</param>
    public void Column(int place, Span<double> values)
    {
        for (int i = 0; i < values.Length; i++) values[i] = _messages[i][_start + place];
    }
}
