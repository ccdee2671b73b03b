using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>The tiles of some images.</summary>
internal unsafe struct WinogradTiles
{
    /// <summary>Nobody writes to it.</summary>
    private static readonly Scratch<float> _zeros = new();

    private readonly ConvolutionShape _shape;
    private readonly int _across;
    private readonly int _perImage;
    private readonly float* _images;

    /// <param name="zeros">What stands for a row beyond an image.</param>
    private WinogradTiles(in ConvolutionShape shape, int samples, float* images, float* zeros)
    {
        _shape = shape;
        _across = Winograd.TilesAcross(shape);
        _perImage = Winograd.Tiles(shape);
        _images = images;
        Zeros = zeros;
        Count = samples * _perImage;
    }

    public int Count { get; }

    public float* Zeros { get; }

    public static WinogradTiles Of(CpuDevice device, in ConvolutionShape shape, int samples, float* images)
        => new(shape, samples, images, device.Room(_zeros, Winograd.Reach * (long)Math.Max(shape.Channels, shape.Outputs)));

    /// <summary>A tile's image and its first output pixel.</summary>
    public readonly (int Sample, int Top, int Left) At(int tile)
    {
        int inImage = tile % _perImage;
        return (tile / _perImage, inImage / _across * Winograd.Tile, inImage % _across * Winograd.Tile);
    }

    /// <summary>A tile of the input to its places.</summary>
    public readonly void Data<TLanes, V>(int tile, float* to, long pitch)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        (int sample, int top, int left) = At(tile);
        top -= _shape.Padding;
        left -= _shape.Padding;
        float* image = _images + ((long)sample * _shape.InputLength);
        float** rows = stackalloc float*[Winograd.Reach];
        for (int y = 0; y < Winograd.Reach; y++)
        {
            bool inside = top + y >= 0 && top + y < _shape.Height;
            rows[y] = inside ? image + ((((long)(top + y) * _shape.Width) + left) * _shape.Channels) : Zeros;
        }

        WinogradTransforms<TLanes, V>.Data(rows, Math.Max(0, -left), _shape.Width - left, _shape.Channels, to, pitch);
    }
}

/// <summary>A struct of pieces that writes all tiles to their places: one piece, one tile.</summary>
internal unsafe struct WinogradData<TLanes, V> : IPieces
    where TLanes : struct, ILanes<V>
    where V : unmanaged
{
    public WinogradTiles Tiles;
    public int First;
    public int Channels;
    public float* To;
    public long Pitch;

    /// <summary>Some tiles in their places.</summary>
    public static float* Of(CpuDevice device, in WinogradTiles tiles, int channels, int first, int count)
    {
        long pitch = WinogradTransforms<TLanes, V>.Pitch((long)count * channels);
        WinogradData<TLanes, V> data = new() { Tiles = tiles, First = first, Channels = channels, To = device.Room(Winograd.Data, Winograd.Places * pitch), Pitch = pitch };
        device.Share(count, ref data);
        return data.To;
    }

    public readonly void Run(int piece) => Tiles.Data<TLanes, V>(First + piece, To + ((long)piece * Channels), Pitch);
}
