namespace Detox.Mpi.Checkpoints;

/// <summary>The words of a safetensors file.</summary>
/// <remarks>Form: the header's length as a little-endian uint64; the header in JSON, which names each tensor's type, shape and bytes behind the header, holds strings
/// under "__metadata__", and may end in spaces; the tensors' values without gaps. Source: the format's description in Hugging Face's safetensors.</remarks>
internal static class Safetensors
{
    public const string Metadata = "__metadata__";
    public const string Type = "dtype";
    public const string Shape = "shape";
    public const string Offsets = "data_offsets";
    public const string Float32 = "F32";
    public const byte Padding = (byte)' ';
}
