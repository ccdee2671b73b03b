using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe partial record struct ConvolutionBackwardWeights
{
    /// <summary>Positions of a chunk whose pixels and panels stay together in a first-level cache. A chain goes on from part to part.</summary>
    private const int Part = Chunk / 4;

    private static readonly Scratch<long> _runOffsets = new();
    private static readonly Scratch<int> _runLengths = new();
    private static readonly Scratch<int> _firstRuns = new();

    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        float* outputGradient = CpuDevice.Pointer(OutputGradient);
        float* biasGradient = CpuDevice.Pointer(BiasGradient);
        int panelCount = Panels<TLanes, V>.Count(Shape.Outputs);
        if (Shape.IsWinograd)
        {
            ByTiles.Run(device);
            if (biasGradient == null) return;
            BiasColumns<TLanes, V> columns = new() { OutputGradient = outputGradient, BiasGradient = biasGradient, Outputs = Shape.Outputs, Positions = Positions };
            device.Share(panelCount, ref columns);
            return;
        }

        Parts parts = new()
        {
            Offsets = device.Room(_runOffsets, Parts.MostRuns(Shape, Samples)),
            Lengths = device.Room(_runLengths, Parts.MostRuns(Shape, Samples)),
            FirstRun = device.Room(_firstRuns, Parts.PartCount(Shape, Samples) + 1),
        };
        parts.Fill(Shape, Samples);

        Pack<TLanes, V> pack = new()
        {
            OutputGradient = outputGradient,
            Panels = device.Room(Panels.Memory, Panels<TLanes, V>.Length(Positions, Shape.Outputs)),
            Outputs = Shape.Outputs,
            Positions = Positions,
        };
        device.Share(Parts.ChunkCount(Shape, Samples) * panelCount, ref pack);

        int share = ((Shape.Taps / device.Threads) + 23) / 24 * 24;
        Piece<TLanes, V> work = new()
        {
            Shape = Shape,
            Images = PaddedImages.Of(device, Shape, Samples, CpuDevice.Pointer(Input)),
            Panels = pack.Panels,
            Parts = parts,
            WeightsGradient = CpuDevice.Pointer(WeightsGradient),
            Positions = Positions,
            TapBlock = Math.Clamp(share, 24, Panels<TLanes, V>.RowBlock),
        };
        device.Share(work.Pieces, ref work);
        if (biasGradient == null) return;
        BiasPanel<TLanes, V> bias = new() { Panels = pack.Panels, BiasGradient = biasGradient, Outputs = Shape.Outputs, Positions = Positions };
        device.Share(panelCount, ref bias);
    }

    /// <summary>The parts of chunks of positions, as terms behind a tap's pointer: a run is a row of output pixels, or what a part takes of it.</summary>
    private struct Parts
    {
        public long* Offsets;
        public int* Lengths;

        /// <summary>Where each part's runs begin, and after the last part their end.</summary>
        public int* FirstRun;

        public int Count;

        /// <summary>The most runs there can be.</summary>
        public static int MostRuns(in ConvolutionShape shape, int samples)
            => (samples * shape.OutputHeight) + PartCount(shape, samples);

        public static int ChunkCount(in ConvolutionShape shape, int samples) => ((samples * shape.Positions) + Chunk - 1) / Chunk;

        public static int PartCount(in ConvolutionShape shape, int samples) => ((samples * shape.Positions) + Part - 1) / Part;

        public void Fill(in ConvolutionShape shape, int samples)
        {
            int run = 0, taken = 0;
            Count = 0;
            FirstRun[0] = 0;
            for (int row = 0; row < samples * shape.OutputHeight; row++)
            {
                long start = ((long)(row / shape.OutputHeight) * shape.PaddedLength)
                    + ((long)(row % shape.OutputHeight) * shape.Stride * shape.PaddedWidth * shape.Channels);
                for (int x = 0; x < shape.OutputWidth;)
                {
                    int length = Math.Min(shape.OutputWidth - x, Part - taken);
                    Offsets[run] = start + ((long)x * shape.Stride * shape.Channels);
                    Lengths[run++] = length;
                    x += length;
                    taken += length;
                    if (taken < Part) continue;
                    FirstRun[++Count] = run;
                    taken = 0;
                }
            }

            if (taken > 0) FirstRun[++Count] = run;
        }
    }

    /// <summary>One piece: one block of taps, all outputs of each, chunk after chunk.</summary>
    private struct Piece<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public ConvolutionShape Shape;
        public float* Images;
        public float* Panels;
        public Parts Parts;
        public float* WeightsGradient;
        public int Positions;
        public int TapBlock;

        public readonly int Pieces => (Shape.Taps + TapBlock - 1) / TapBlock;

        public readonly void Run(int piece)
        {
            int first = piece * TapBlock, count = Math.Min(TapBlock, Shape.Taps - first);
            int runLength = Shape.Kernel * Shape.Channels;
            float** rows = stackalloc float*[Panels<TLanes, V>.RowPointers];
            for (int i = 0; i < count + 12; i++)
            {
                int tap = first + Math.Min(i, count - 1);
                rows[i] = Images + ((long)(tap / runLength) * Shape.PaddedWidth * Shape.Channels) + (tap % runLength);
            }

            float* totals = ThreadScratch.Floats(Panels<TLanes, V>.Length(count, Shape.Outputs));
            for (int start = 0; start < Positions; start += Chunk)
            {
                for (int panel = 0; panel < Panels<TLanes, V>.Count(Shape.Outputs); panel++)
                    AddChunk(rows, count, start, panel, totals + ((long)count * Panels<TLanes, V>.First(panel, Shape.Outputs)));
            }

            for (int panel = 0; panel < Panels<TLanes, V>.Count(Shape.Outputs); panel++)
            {
                int column = Panels<TLanes, V>.First(panel, Shape.Outputs), width = Panels<TLanes, V>.Vectors(panel, Shape.Outputs) * TLanes.Count;
                int bytes = Math.Min(width, Shape.Outputs - column) * sizeof(float);
                for (int i = 0; i < count; i++)
                    Unsafe.CopyBlockUnaligned(WeightsGradient + ((long)(first + i) * Shape.Outputs) + column, totals + ((long)count * column) + (i * width), (uint)bytes);
            }
        }

        [SkipLocalsInit]
        private readonly void AddChunk(float** rows, int count, int start, int panel, float* totals)
        {
            float* sums = stackalloc float[Panels<TLanes, V>.RowPointers * 3 * 16];
            int first = Panels<TLanes, V>.First(panel, Shape.Outputs), vectors = Panels<TLanes, V>.Vectors(panel, Shape.Outputs), width = vectors * TLanes.Count;
            int end = Math.Min(start + Chunk, Positions);
            float* panels = Panels + Panels<TLanes, V>.Length(start, Shape.Outputs) + ((long)first * (end - start));
            for (int at = start; at < end; at += Part, panels += Part * width)
            {
                int part = at / Part, run = Parts.FirstRun[part];
                Terms positions = new()
                {
                    Offsets = Parts.Offsets + run,
                    Lengths = Parts.Lengths + run,
                    Runs = Parts.FirstRun[part + 1] - run,
                    Step = (long)Shape.Stride * Shape.Channels,
                };
                Panels<TLanes, V>.MultiplyPlain(rows, count, &positions, panels, vectors, sums, goesOn: at > start);
            }

            for (int i = 0; i < count * width; i += TLanes.Count)
                TLanes.Store(start == 0 ? TLanes.Load(sums + i) : TLanes.Add(TLanes.Load(totals + i), TLanes.Load(sums + i)), totals + i);
        }
    }

    /// <summary>One piece: one panel of one chunk's output gradients.</summary>
    private struct Pack<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float* OutputGradient;
        public float* Panels;
        public int Outputs;
        public int Positions;

        public readonly void Run(int piece)
        {
            int panels = Panels<TLanes, V>.Count(Outputs), panel = piece % panels, start = piece / panels * Chunk, terms = Math.Min(Chunk, Positions - start);
            float* to = Panels + Panels<TLanes, V>.Length(start, Outputs) + ((long)Panels<TLanes, V>.First(panel, Outputs) * terms);
            Panels<TLanes, V>.Pack(panel, OutputGradient + ((long)start * Outputs), terms, Outputs, Outputs, 1, to);
        }
    }

    /// <summary>One piece: one panel's columns of the bias, from the panels.</summary>
    private struct BiasPanel<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float* Panels;
        public float* BiasGradient;
        public int Outputs;
        public int Positions;

        public readonly void Run(int piece)
        {
            int first = Panels<TLanes, V>.First(piece, Outputs), width = Panels<TLanes, V>.Vectors(piece, Outputs) * TLanes.Count;
            int count = Math.Min(width, Outputs - first);
            float* sums = stackalloc float[3 * 16];
            for (int start = 0; start < Positions; start += Chunk)
            {
                int terms = Math.Min(Chunk, Positions - start);
                float* panel = Panels + Panels<TLanes, V>.Length(start, Outputs) + ((long)first * terms);
                V s0 = TLanes.Zero, s1 = s0, s2 = s0;
                for (int p = 0; p < terms; p++, panel += width)
                {
                    s0 = TLanes.Add(s0, TLanes.Load(panel));
                    if (width > TLanes.Count) s1 = TLanes.Add(s1, TLanes.Load(panel + TLanes.Count));
                    if (width > 2 * TLanes.Count) s2 = TLanes.Add(s2, TLanes.Load(panel + (2 * TLanes.Count)));
                }

                TLanes.Store(s0, sums);
                TLanes.Store(s1, sums + TLanes.Count);
                TLanes.Store(s2, sums + (2 * TLanes.Count));
                for (int j = 0; j < count; j++) BiasGradient[first + j] = start == 0 ? sums[j] : BiasGradient[first + j] + sums[j];
            }
        }
    }

    /// <summary>One piece: one panel's columns of the bias, from the output gradient as it lies. It takes a whole vector of outputs.</summary>
    private struct BiasColumns<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float* OutputGradient;
        public float* BiasGradient;
        public int Outputs;
        public int Positions;

        public readonly void Run(int piece)
        {
            int first = Panels<TLanes, V>.First(piece, Outputs), count = Math.Min(Panels<TLanes, V>.Vectors(piece, Outputs) * TLanes.Count, Outputs - first);
            for (int n = first; ; n = Math.Min(n + TLanes.Count, first + count - TLanes.Count))
            {
                V total = TLanes.Zero;
                for (int start = 0; start < Positions; start += Chunk)
                {
                    V sum = TLanes.Zero;
                    int end = Math.Min(start + Chunk, Positions);
                    for (int p = start; p < end; p++) sum = TLanes.Add(sum, TLanes.Load(OutputGradient + ((long)p * Outputs) + n));
                    total = start == 0 ? sum : TLanes.Add(total, sum);
                }

                TLanes.Store(total, BiasGradient + n);
                if (n + TLanes.Count >= first + count) return;
            }
        }
    }
}
