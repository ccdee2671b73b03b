using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Detox.Gpu.Networks;

namespace Detox.Mpi.SelfTest;

/// <summary>Every tensor that the steps of a model have written at one place, in their order.</summary>
internal sealed class Recording
{
    private readonly ModelCase _model;
    private readonly List<(int Step, string Op, string Name, float[] Values)> _tensors = [];

    /// <summary>Takes the steps.</summary>
    public Recording(ModelCase model, ModelSteps steps, BitFlip? flip)
    {
        _model = model;
        steps.Run(flip, (_, step, tensor, values) => _tensors.Add((step, tensor.Op, tensor.Name, values.ToArray())));
    }

    /// <summary>The first step whose bits are not the known ones; null where all are.</summary>
    public int? WrongStep
    {
        get
        {
            for (int step = 0; step < _model.Steps; step++)
                if (Sha256(step) != _model.Sha256[step]) return step;
            return null;
        }
    }

    /// <summary>SHA-256 of the floats of a step, one tensor after another, little end first; in lowercase hexadecimal.</summary>
    public string Sha256(int step)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((int of, _, _, float[] values) in _tensors)
            if (of == step) hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan()));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The first float of a tensor that has other bits than here; null where none has.</summary>
    public Mismatch? Compare(string place, int number, ReadOnlySpan<float> found)
    {
        (int step, string op, string name, float[] expected) = _tensors[number];
        ReadOnlySpan<int> right = MemoryMarshal.Cast<float, int>(expected), bits = MemoryMarshal.Cast<float, int>(found);
        int same = right.CommonPrefixLength(bits);
        return same == right.Length ? null : new Mismatch(new Element(_model.Model, step, place, op, name, same), expected[same], found[same]);
    }

    /// <summary>The first float that another recording, of a place, has otherwise; null where there is none.</summary>
    public Mismatch? Compare(string place, Recording other)
    {
        for (int number = 0; number < _tensors.Count; number++)
            if (Compare(place, number, other._tensors[number].Values) is { } mismatch) return mismatch;
        return null;
    }
}
