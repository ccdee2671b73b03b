using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly partial record struct BatchNormEvaluate
{
    public void Run(IlgpuDevice device) => Normalise(device, 0, IlgpuDevice.Floats(Statistics));

    // Where nothing is added, what is read anyway stands in the addend's place.
    internal NormalisedRows Values
        => new(Channels, Addend is null ? 0 : 1, Rectified ? 1 : 0, IlgpuDevice.Floats(Input), IlgpuDevice.Floats(Shift), IlgpuDevice.Floats(Addend ?? Input), IlgpuDevice.Floats(Output));

    /// <summary>One launch. Where there are chunks, the variances come from their sums of squares, and are written.</summary>
    internal void Normalise(IlgpuDevice device, int chunks, ArrayView<float> squares)
    {
        int rows = BatchNorm.Rows(Channels, Input), least = 8 * ChannelTile.LanesOf(Channels);
        int rowsOfBlock = chunks == 0 ? least : BatchNorm.BlockLength(least, rows);
        device.Launch(
            ChannelTile.Groups(Channels, (rows + rowsOfBlock - 1) / rowsOfBlock),
            new NormaliseTile(Channels, rows, chunks, rowsOfBlock, squares, IlgpuDevice.Floats(Scale), IlgpuDevice.Floats(Statistics), Values));
    }

    // A group some channels of some rows. The factors are computed once for all its rows; the first block's groups write the variances.
    internal readonly struct NormaliseTile(
        int channels, int rows, int chunks, int rowsOfBlock, ArrayView<float> squares, ArrayView<float> scale, ArrayView<float> statistics, NormalisedRows values) : IKernel
    {
        public static int Threads => ChannelTile.Threads;

        public void Run()
        {
            ArrayView<float> factors = SharedMemory.Allocate<float>(ChannelTile.MostChannels);
            ChannelTile tile = new(channels, ChannelTile.MostChannels);
            if (tile.TakesPart & tile.Lane == 0) factors[tile.Column] = Portable.Multiply(scale[tile.Channel], BatchNorm.Inverse(Variance(tile)));
            Group.Barrier();
            if (!tile.TakesPart) return;
            int first = tile.Block * rowsOfBlock, end = Math.Min(first + rowsOfBlock, rows);
            values.Write(tile.Channel, first + tile.Lane, end, tile.Lanes, statistics[tile.Channel], factors[tile.Column]);
        }

        private float Variance(ChannelTile tile)
        {
            int c = tile.Channel;
            if (chunks == 0) return statistics[channels + c];
            float variance = Portable.Divide(BatchNorm.Sum(squares, c, channels, chunks), rows);
            if (tile.Block == 0) statistics[channels + c] = variance;
            return variance;
        }
    }

    internal readonly struct NormalisedRows(
        int channels, int hasAddend, int rectified, ArrayView<float> input, ArrayView<float> shift, ArrayView<float> addend, ArrayView<float> output)
    {
        /// <summary>Writes a channel's values in some rows, so many rows apart.</summary>
        public void Write(int channel, int row, int end, int apart, float mean, float factor)
        {
            float moved = shift[channel];
            long step = (long)apart * channels, at = ((long)row * channels) + channel;
            for (; row < end - (3 * apart); row += 4 * apart, at += 4 * step)
            {
                BatchNorm.Four x = new(input, at, step), added = new(addend, at, step);
                output[at] = Value(x.A, added.A, mean, factor, moved);
                output[at + step] = Value(x.B, added.B, mean, factor, moved);
                output[at + (2 * step)] = Value(x.C, added.C, mean, factor, moved);
                output[at + (3 * step)] = Value(x.D, added.D, mean, factor, moved);
            }

            for (; row < end; row += apart, at += step) output[at] = Value(input[at], addend[at], mean, factor, moved);
        }

        private float Value(float x, float added, float mean, float factor, float moved)
        {
            float value = Portable.Fma(Portable.Subtract(x, mean), factor, moved);
            if (hasAddend != 0) value = Portable.Add(value, added);
            return rectified != 0 & Portable.Less(value, 0) ? 0 : value;
        }
    }
}
