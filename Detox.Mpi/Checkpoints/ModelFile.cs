using Detox.Gpu.Networks;

namespace Detox.Mpi.Checkpoints;

/// <summary>A flat vector of a model's and the tensors that it is in a file.</summary>
/// <param name="Prefix">Stands before their names, so that several vectors fit in one file.</param>
internal sealed record ModelVector(string Prefix, IReadOnlyList<TorchTensor> Tensors, Memory<float> Values);

/// <summary>Vectors of a model in one safetensors file, under PyTorch's names and in its order.</summary>
/// <remarks>The metadata say that the tensors are PyTorch's, and the model's name.</remarks>
internal static class ModelFile
{
    /// <param name="model">A name of <see cref="Network.Known"/>.</param>
    public static void Write(Stream stream, string model, IReadOnlyList<ModelVector> vectors)
    {
        (TensorShape Shape, TorchTensor Tensor, Memory<float> Vector)[] tensors = [.. Tensors(vectors)];
        SafetensorsWriter.Write(stream, [.. tensors.Select(tensor => tensor.Shape)], Metadata(model), (i, values) => tensors[i].Tensor.Gather(tensors[i].Vector.Span, values));
    }

    /// <summary>Reads what <see cref="Write"/> has written: exactly these tensors of this model.</summary>
    /// <param name="stream">The file from its first byte on; it knows its length.</param>
    /// <param name="path">For errors.</param>
    /// <exception cref="InvalidDataException">The file is none of these, and nothing has been read into the vectors.</exception>
    public static void Read(Stream stream, string path, string model, IReadOnlyList<ModelVector> vectors)
    {
        SafetensorsReader reader = SafetensorsReader.Open(stream, path);
        string expected = Text(Metadata(model)), found = Text(reader.Metadata);
        if (found != expected) throw reader.Wrong($"the metadata {expected}", found);
        Dictionary<string, (TensorShape Shape, TorchTensor Tensor, Memory<float> Vector)> missing = Tensors(vectors).ToDictionary(tensor => tensor.Shape.Name);
        List<(TorchTensor Tensor, Memory<float> Vector)> targets = [];
        foreach (TensorShape tensor in reader.Tensors)
        {
            if (!missing.Remove(tensor.Name, out (TensorShape Shape, TorchTensor Tensor, Memory<float> Vector) own)) throw reader.Wrong($"tensors of {model}", $"{tensor}");
            if (!tensor.Shape.SequenceEqual(own.Shape.Shape)) throw reader.Wrong($"{own.Shape}", $"{tensor}");
            targets.Add((own.Tensor, own.Vector));
        }

        if (missing.Count > 0) throw reader.Wrong($"{missing.First().Value.Shape}", "no such tensor");
        reader.Read((i, values) => targets[i].Tensor.Scatter(values, targets[i].Vector.Span));
    }

    private static Dictionary<string, string> Metadata(string model) => new() { ["format"] = "pt", ["model"] = model };

    private static string Text(IReadOnlyDictionary<string, string> metadata) => string.Join(", ", metadata.Select(entry => $"{entry.Key}: {entry.Value}"));

    private static IEnumerable<(TensorShape Shape, TorchTensor Tensor, Memory<float> Vector)> Tensors(IReadOnlyList<ModelVector> vectors)
    {
        foreach (ModelVector vector in vectors)
            foreach (TorchTensor tensor in vector.Tensors)
                yield return (new TensorShape(vector.Prefix + tensor.Name, tensor.Shape), tensor, vector.Values);
    }
}
