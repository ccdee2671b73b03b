using ILGPU;

namespace Detox.Gpu.Kernels;

// The lines of the transforms stand in the files of those who need them, operation by operation as in the reference.
internal static partial class Winograd
{
    /// <summary>Brings a tile of a channel of the input to its places. It is one launch with the other side's transform.</summary>
    internal readonly struct DataTransform(ConvolutionShape shape, ArrayView<float> input, ArrayView<float> places)
    {
        public void Run(long at)
        {
            int tile = (int)(at / shape.Channels), channel = (int)(at - ((long)tile * shape.Channels));
            int across = TilesAcross(shape), tiles = Tiles(shape);
            int y = (tile % tiles / across * Tile) - shape.Padding, x = (tile % across * Tile) - shape.Padding;
            ArrayView<float> image = input.SubView(((long)(tile / tiles) * shape.InputLength) + channel);
            Six c0 = Column(image, y, x), c1 = Column(image, y, x + 1), c2 = Column(image, y, x + 2);
            Six c3 = Column(image, y, x + 3), c4 = Column(image, y, x + 4), c5 = Column(image, y, x + 5);
            long step = places.Length / Places;
            DataLine(new(c0.A, c1.A, c2.A, c3.A, c4.A, c5.A)).Store(places, at, step);
            DataLine(new(c0.B, c1.B, c2.B, c3.B, c4.B, c5.B)).Store(places, at + (6 * step), step);
            DataLine(new(c0.C, c1.C, c2.C, c3.C, c4.C, c5.C)).Store(places, at + (12 * step), step);
            DataLine(new(c0.D, c1.D, c2.D, c3.D, c4.D, c5.D)).Store(places, at + (18 * step), step);
            DataLine(new(c0.E, c1.E, c2.E, c3.E, c4.E, c5.E)).Store(places, at + (24 * step), step);
            DataLine(new(c0.F, c1.F, c2.F, c3.F, c4.F, c5.F)).Store(places, at + (30 * step), step);
        }

        private Six Column(ArrayView<float> image, int y, int x)
        {
            bool inside = x >= 0 & x < shape.Width;
            return DataLine(new(
                Pixel(image, y, x, inside), Pixel(image, y + 1, x, inside), Pixel(image, y + 2, x, inside),
                Pixel(image, y + 3, x, inside), Pixel(image, y + 4, x, inside), Pixel(image, y + 5, x, inside)));
        }

        private float Pixel(ArrayView<float> image, int y, int x, bool inside)
        {
            float pixel = 0;
            if (inside & y >= 0 & y < shape.Height) pixel = image[((y * shape.Width) + x) * shape.Channels];
            return pixel;
        }
    }

    private static Six DataLine(Six d)
    {
        float a = Portable.Fma(-4, d.C, d.E), b = Portable.Fma(-4, d.B, d.D);
        float e = Portable.Subtract(d.E, d.C), f = Portable.Subtract(d.D, d.B);
        return new(
            Portable.Fma(4, d.A, Portable.Fma(-5, d.C, d.E)),
            Portable.Add(a, b),
            Portable.Subtract(a, b),
            Portable.Fma(2, f, e),
            Portable.Fma(-2, f, e),
            Portable.Fma(4, d.B, Portable.Fma(-5, d.D, d.F)));
    }

    internal readonly struct Three(float a, float b, float c)
    {
        public float A => a;

        public float B => b;

        public float C => c;

        public void Store(ArrayView<float> to, long at, long step)
        {
            to[at] = a;
            to[at + step] = b;
            to[at + (2 * step)] = c;
        }
    }

    internal readonly struct Six(float a, float b, float c, float d, float e, float f)
    {
        public float A => a;

        public float B => b;

        public float C => c;

        public float D => d;

        public float E => e;

        public float F => f;

        public Six Plus(Six other)
            => new(Portable.Add(a, other.A), Portable.Add(b, other.B), Portable.Add(c, other.C), Portable.Add(d, other.D), Portable.Add(e, other.E), Portable.Add(f, other.F));

        public static Six Load(ArrayView<float> from, long at, long step)
            => new(from[at], from[at + step], from[at + (2 * step)], from[at + (3 * step)], from[at + (4 * step)], from[at + (5 * step)]);

        public void Store(ArrayView<float> to, long at, long step)
        {
            to[at] = a;
            to[at + step] = b;
            to[at + (2 * step)] = c;
            to[at + (3 * step)] = d;
            to[at + (4 * step)] = e;
            to[at + (5 * step)] = f;
        }
    }
}
