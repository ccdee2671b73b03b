using Detox.Gpu;

namespace Detox.Mpi.Data;

/// <summary>Paints one random object into 32x32 colour bytes: one of five shapes, striped or checked, on a cluttered ground.</summary>
/// <remarks>The class is the shape and the texture alone. Three random colours that are far from each other make ground and texture, with
/// equal shares of the texture's two, so neither a colour nor a pixel tells the class. Only +, -, *, / and square roots of
/// floats, so the bytes are the same on every machine. A turn is a rational point of the unit circle, as for the digits.</remarks>
internal static class ObjectPainter
{
    public const int Side = 32, Channels = 3;

    public const int Shapes = 5, Textures = 2;

    // How hard the set is. Chosen so that a linear classifier hardly beats guessing and a small convolutional network fails on one
    // object in seventy; the tests hold the linear one.
    private const float RadiusLow = 9f, RadiusHigh = 13f;
    private const float MostShift = 3.5f;
    private const float PeriodLow = 4f, PeriodHigh = 7f;
    private const float LeastContrast = 0.8f;
    private const float MostNoise = 0.14f;
    private const int MostClutter = 4;

    // The sine of 60 degrees: the triangle's sides.
    private const float Sine60 = 0.8660254f;

    /// <summary>Paints a shape (0..4: disc, square, triangle, cross, ring) in a texture (0, 1: stripes, checks); the same generator
    /// state paints the same bytes.</summary>
    public static void Paint(int shape, int texture, SeededRandom random, Span<byte> pixels)
    {
        Span<Colour> colours = stackalloc Colour[3];
        DrawColours(ref random, colours);
        Span<Colour> image = stackalloc Colour[Side * Side];
        PaintGround(image, colours[0], ref random);

        float radius = random.NextFloat(RadiusLow, RadiusHigh);
        Frame place = DrawFrame(ref random, MostShift);
        Frame weave = DrawFrame(ref random, PeriodHigh);
        float frequency = 1f / random.NextFloat(PeriodLow, PeriodHigh), scale = 1f / radius;
        for (int row = 0; row < Side; row++)
        {
            for (int column = 0; column < Side; column++)
            {
                (float u, float v) = place.Of(column, row);
                float cover = Clamp(0.5f - (radius * Distance(shape, u * scale, v * scale)));
                if (cover <= 0f) continue;
                (u, v) = weave.Of(column, row);
                float first = Wave(u * frequency), both = texture == 0 ? first : first * Wave(v * frequency);
                // A wave changes by 4 a period; this steepness makes the edge one pixel wide.
                float share = Clamp(0.5f + (both * 0.25f / frequency));
                ref Colour pixel = ref image[(row * Side) + column];
                pixel = pixel.Towards(colours[1].Towards(colours[2], share), cover);
            }
        }
        Develop(image, ref random, pixels);
    }

    /// <summary>Colours of which no two are alike; three draws in ten give such.</summary>
    private static void DrawColours(ref SeededRandom random, Span<Colour> colours)
    {
        do
        {
            foreach (ref Colour colour in colours) colour = DrawColour(ref random);
        }
        while (colours[0].Apart(colours[1]) < LeastContrast || colours[0].Apart(colours[2]) < LeastContrast
            || colours[1].Apart(colours[2]) < LeastContrast);
    }

    private static Colour DrawColour(ref SeededRandom random) => new(random.NextFloat(), random.NextFloat(), random.NextFloat());

    /// <summary>A plain ground that grows lighter or darker, and up to four small discs of any colour on it.</summary>
    private static void PaintGround(Span<Colour> image, Colour ground, ref SeededRandom random)
    {
        float acrossX = random.NextFloat(-0.008f, 0.008f), acrossY = random.NextFloat(-0.008f, 0.008f);
        for (int i = 0; i < image.Length; i++)
        {
            float light = (acrossX * ((i % Side) - (Side / 2))) + (acrossY * ((i / Side) - (Side / 2)));
            image[i] = new(ground.Red + light, ground.Green + light, ground.Blue + light);
        }
        for (int disc = random.NextInt(MostClutter + 1); disc > 0; disc--)
        {
            Colour colour = DrawColour(ref random);
            float x = random.NextFloat(0, Side), y = random.NextFloat(0, Side), radius = random.NextFloat(1f, 3f);
            for (int i = 0; i < image.Length; i++)
            {
                float dx = (i % Side) + 0.5f - x, dy = (i / Side) + 0.5f - y;
                float cover = Clamp(0.5f + radius - MathF.Sqrt((dx * dx) + (dy * dy)));
                if (cover > 0f) image[i] = image[i].Towards(colour, cover);
            }
        }
    }

    /// <summary>Any turn, and a centre near the image's.</summary>
    private static Frame DrawFrame(ref SeededRandom random, float mostShift)
    {
        float t = random.NextFloat(-1f, 1f), sign = random.NextInt(2) == 0 ? 1f : -1f;
        float cosine = sign * (1 - (t * t)) / (1 + (t * t)), sine = sign * 2 * t / (1 + (t * t));
        return new(
            (Side * 0.5f) + random.NextFloat(-mostShift, mostShift), (Side * 0.5f) + random.NextFloat(-mostShift, mostShift), cosine, sine);
    }

    /// <summary>How far a point lies outside a shape of radius 1 or so; below 0 inside. Near the border, which is where it counts.</summary>
    private static float Distance(int shape, float u, float v)
    {
        float across = Math.Abs(u), along = Math.Abs(v);
        return shape switch
        {
            0 => MathF.Sqrt((u * u) + (v * v)) - 0.85f,
            1 => Math.Max(across, along) - 0.75f,
            2 => Math.Max(-v, (Sine60 * across) + (0.5f * v)) - 0.55f,
            3 => Math.Min(Math.Max(across - 0.95f, along - 0.36f), Math.Max(across - 0.36f, along - 0.95f)),
            4 => Math.Abs(MathF.Sqrt((u * u) + (v * v)) - 0.7f) - 0.25f,
            _ => throw new ArgumentOutOfRangeException(nameof(shape)),
        };
    }

    /// <summary>A triangle wave of period 1 between -1 and 1.</summary>
    private static float Wave(float x) => (4f * Math.Abs(x - MathF.Floor(x) - 0.5f)) - 1f;

    private static float Clamp(float value) => value < 0f ? 0f : value > 1f ? 1f : value;

    /// <summary>Light to bytes: noise on every channel of every pixel, and the range of a byte.</summary>
    private static void Develop(ReadOnlySpan<Colour> image, ref SeededRandom random, Span<byte> pixels)
    {
        float noise = random.NextFloat(0.02f, MostNoise) * (1f / 255f);
        for (int i = 0; i < image.Length; i++)
        {
            ulong bits = random.NextBits();
            pixels[3 * i] = Byte(image[i].Red, bits);
            pixels[(3 * i) + 1] = Byte(image[i].Green, bits >> 16);
            pixels[(3 * i) + 2] = Byte(image[i].Blue, bits >> 32);
        }

        // The sum of two bytes is a triangle around 255.
        byte Byte(float light, ulong bits)
            => (byte)(int)((Clamp(light + (noise * ((int)(bits & 0xFF) + (int)((bits >> 8) & 0xFF) - 255))) * 255f) + 0.5f);
    }

    /// <summary>Red, green and blue from 0 to 1.</summary>
    private readonly record struct Colour(float Red, float Green, float Blue)
    {
        public float Apart(Colour other) => Math.Abs(Red - other.Red) + Math.Abs(Green - other.Green) + Math.Abs(Blue - other.Blue);

        public Colour Towards(Colour other, float share)
            => new(Red + (share * (other.Red - Red)), Green + (share * (other.Green - Green)), Blue + (share * (other.Blue - Blue)));
    }

    /// <summary>Coordinates that are turned about a centre, in pixels.</summary>
    private readonly record struct Frame(float CentreX, float CentreY, float Cosine, float Sine)
    {
        public (float U, float V) Of(int column, int row)
        {
            float x = column + 0.5f - CentreX, y = row + 0.5f - CentreY;
            return ((Cosine * x) + (Sine * y), (Cosine * y) - (Sine * x));
        }
    }
}
