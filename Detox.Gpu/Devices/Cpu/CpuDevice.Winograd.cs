using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices.Cpu;

public sealed unsafe partial class CpuDevice
{
    private CpuBuffer? _zeros;
    private CpuBuffer? _places;
    private CpuBuffer? _gradientPlaces;
    private CpuBuffer? _sums;

    /// <param name="shape">As it is; or turned, for the gradient of the input.</param>
    private void WinogradForward<TLanes, V>(
        in ConvolutionShape shape, int samples, float* input, float* weights, bool isTurned, float* bias, float* output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        var images = new WinogradForward<TLanes, V>.Images { Shape = shape, Tiles = Tiles(shape, samples, input), Bias = bias, Output = output };
        var layout = new WinogradForward<TLanes, V>.Weights { From = weights, Channels = shape.Channels, Outputs = shape.Outputs, IsTurned = isTurned };
        int tiles = images.Tiles.Count, panels = Panels<TLanes, V>.Count(shape.Outputs);
        if (tiles <= Kernels.WinogradForward<TLanes, V>.MostTiles)
        {
            var one = new WinogradForward<TLanes, V>.OneBlock { Images = images, Weights = layout };
            one.Data = DataPlaces<TLanes, V>(shape, images.Tiles, 0, tiles);
            _team.Run(panels, ref one);
            return;
        }

        var transform = new WinogradForward<TLanes, V>.TransformWeights { Weights = layout, To = Scratch(ref _panels, layout.Start(panels)) };
        _team.Run(transform.Pieces, ref transform);
        var blocks = new WinogradForward<TLanes, V>.Blocks
        {
            Images = images,
            Layout = layout,
            Weights = transform.To,
            Block = Kernels.WinogradForward<TLanes, V>.Blocks.BlockFor(tiles, shape.Channels, Threads),
        };
        _team.Run(blocks.Pieces, ref blocks);
    }

    private void WinogradBackwardWeights<TLanes, V>(
        in ConvolutionShape shape, int samples, float* input, float* outputGradient, float* weightsGradient, float* biasGradient)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        WinogradTiles tiles = Tiles(shape, samples, input);
        int group = Math.Min(Kernels.WinogradBackwardWeights<TLanes, V>.GroupTiles(shape), tiles.Count);
        long gradientFloats = Panels<TLanes, V>.Length(group, shape.Outputs);
        var transform = new WinogradBackwardWeights<TLanes, V>.TransformGradient
        {
            Shape = shape,
            Tiles = tiles,
            OutputGradient = outputGradient,
            Zeros = tiles.Zeros,
            To = Scratch(ref _gradientPlaces, Winograd.Places * WinogradTransforms<TLanes, V>.Pitch(gradientFloats)),
        };
        var multiply = new WinogradBackwardWeights<TLanes, V>.Multiply { Shape = shape, Gradient = transform.To, WeightsGradient = weightsGradient };
        if (group < tiles.Count) multiply.Sums = Scratch(ref _sums, multiply.Pieces * Kernels.WinogradBackwardWeights<TLanes, V>.Multiply.SumFloats);
        for (int first = 0; first < tiles.Count; first += group)
        {
            int count = Math.Min(group, tiles.Count - first);
            multiply.Data = DataPlaces<TLanes, V>(shape, tiles, first, count);
            multiply.DataPitch = WinogradTransforms<TLanes, V>.Pitch((long)count * shape.Channels);
            transform.First = first;
            transform.Count = multiply.Count = count;
            transform.Pitch = multiply.GradientPitch = WinogradTransforms<TLanes, V>.Pitch(Panels<TLanes, V>.Length(count, shape.Outputs));
            _team.Run(count, ref transform);
            multiply.IsFirst = first == 0;
            multiply.IsLast = first + count == tiles.Count;
            _team.Run(multiply.Pieces, ref multiply);
        }

        if (biasGradient == null) return;
        var bias = new WinogradBackwardWeights<TLanes, V>.Bias
        {
            OutputGradient = outputGradient,
            BiasGradient = biasGradient,
            Outputs = shape.Outputs,
            Positions = samples * shape.Positions,
        };
        _team.Run(Panels<TLanes, V>.Count(shape.Outputs), ref bias);
    }

    private WinogradTiles Tiles(in ConvolutionShape shape, int samples, float* input)
        => new(shape, samples, input, Scratch(ref _zeros, WinogradTiles.ZeroFloats(shape)));

    /// <summary>Some tiles in their places.</summary>
    private float* DataPlaces<TLanes, V>(in ConvolutionShape shape, in WinogradTiles tiles, int first, int count)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        long pitch = WinogradTransforms<TLanes, V>.Pitch((long)count * shape.Channels);
        var data = new WinogradData<TLanes, V>
        {
            Tiles = tiles,
            First = first,
            Channels = shape.Channels,
            To = Scratch(ref _places, Winograd.Places * pitch),
            Pitch = pitch,
        };
        _team.Run(count, ref data);
        return data.To;
    }
}
