namespace Detox.Gpu.Networks;

/// <summary>Plans which memory a network's intermediate values share: a slot is free again when its last use is released.</summary>
internal sealed class Slots
{
    private readonly List<int> _lengths = [];
    private readonly List<int> _uses = [];

    /// <summary>Floats a sample in each slot.</summary>
    public IReadOnlyList<int> Lengths => _lengths;

    /// <summary>A free slot, used once: the smallest that is long enough, else the longest, which grows, else a new one.</summary>
    public int Take(int length)
    {
        int best = -1;
        for (int slot = 0; slot < _uses.Count; slot++)
        {
            if (_uses[slot] > 0) continue;
            bool fits = best >= 0 && _lengths[best] >= length;
            if (best < 0 || (fits ? _lengths[slot] >= length && _lengths[slot] < _lengths[best] : _lengths[slot] > _lengths[best])) best = slot;
        }

        if (best < 0)
        {
            best = _uses.Count;
            _uses.Add(0);
            _lengths.Add(0);
        }

        _lengths[best] = Math.Max(_lengths[best], length);
        _uses[best] = 1;
        return best;
    }

    /// <summary>One use more.</summary>
    public void Share(int slot) => _uses[slot]++;

    /// <summary>One use less.</summary>
    public void Release(int slot) => _uses[slot]--;
}
