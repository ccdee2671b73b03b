using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe partial record struct ConvolutionBackwardWeights
{
    /// <summary>Positions of a chunk whose pixels and panels stay together in a first-level cache. A chain goes on from part to part.</summary>
    private const int Part = Chunk / 4;

    /// <summary>Positions that the bias, which reads the output gradient first, asks for ahead.</summary>
    private const int Ahead = 64;

    private static readonly Scratch<long> _runOffsets = new();
    private static readonly Scratch<int> _runLengths = new();
    private static readonly Scratch<int> _firstRuns = new();

    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        float* outputGradient = CpuDevice.Pointer(OutputGradient);
        float* biasGradient = CpuDevice.Pointer(BiasGradient);
        if (Shape.IsWinograd)
        {
            ByTiles.Run(device);
            if (biasGradient == null) return;
            BiasColumns<TLanes, V> columns = new() { OutputGradient = outputGradient, BiasGradient = biasGradient, Outputs = Shape.Outputs, Positions = Positions };
            device.Share(Panels<TLanes, V>.Count(Shape.Outputs), ref columns);
            return;
        }

        Parts parts = new()
        {
            Offsets = device.Room(_runOffsets, Parts.MostRuns(Shape, Samples)),
            Lengths = device.Room(_runLengths, Parts.MostRuns(Shape, Samples)),
            FirstRun = device.Room(_firstRuns, Parts.PartCount(Shape, Samples) + 1),
        };
        parts.Fill(Shape, Samples);

        int tailPart = Math.Max(0, Positions - TLanes.Count) / Part, tailStart = tailPart * Part;
        int leftover = LeftoverOutputs<TLanes, V>(), outputs = Shape.Outputs - leftover;
        float* tail = Panels<TLanes, V>.Of(device, outputGradient + ((long)tailStart * Shape.Outputs), Positions - tailStart, outputs, Shape.Outputs, 1);
        int height = RegisterTile<TLanes, V>.Height(Panels<TLanes, V>.Vectors(0, outputs));
        int share = (Shape.Taps + device.Threads - 1) / device.Threads;
        Piece<TLanes, V> work = new()
        {
            Shape = Shape,
            Outputs = outputs,
            Images = PaddedImages.Of(device, Shape, Samples, CpuDevice.Pointer(Input)),
            OutputGradient = outputGradient,
            Tail = tail,
            TailPart = tailPart,
            Parts = parts,
            WeightsGradient = CpuDevice.Pointer(WeightsGradient),
            BiasGradient = biasGradient,
            Positions = Positions,
            TapBlock = Math.Min((share + height - 1) / height * height, Panels<TLanes, V>.RowBlock),
        };
        int blocks = (Shape.Taps + work.TapBlock - 1) / work.TapBlock;
        work.Blocks = (blocks + PiecesFor(device) - 1) / PiecesFor(device);
        device.Share((blocks + work.Blocks - 1) / work.Blocks, ref work);
        if (leftover == 0) return;
        Leftover<TLanes, V> rest = new()
        {
            Shape = Shape,
            Images = work.Images,
            OutputGradient = outputGradient,
            Parts = parts,
            WeightsGradient = work.WeightsGradient,
            BiasGradient = biasGradient,
            Positions = Positions,
            FirstOutput = outputs,
        };
        device.Share(Shape.Kernel, ref rest);
    }

    /// <summary>As few as keep all threads busy: each piece reads the whole output gradient.</summary>
    private static int PiecesFor(CpuDevice device) => device.Threads == 1 ? 1 : 2 * device.Threads;

    /// <summary>The parts of chunks of positions, as terms behind a tap's pointer: a run is a row of output pixels, or what a part takes of it.</summary>
    private struct Parts
    {
        public long* Offsets;
        public int* Lengths;

        /// <summary>Where each part's runs begin, and after the last part their end.</summary>
        public int* FirstRun;

        /// <summary>The most runs there can be.</summary>
        public static int MostRuns(in ConvolutionShape shape, int samples)
            => (samples * shape.OutputHeight) + PartCount(shape, samples);

        public static int PartCount(in ConvolutionShape shape, int samples) => ((samples * shape.Positions) + Part - 1) / Part;

        public readonly void Fill(in ConvolutionShape shape, int samples)
        {
            int run = 0, taken = 0, part = 0;
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
                    FirstRun[++part] = run;
                    taken = 0;
                }
            }

            if (taken > 0) FirstRun[++part] = run;
        }
    }

    /// <summary>One piece: a few blocks of taps, their outputs, chunk after chunk; the first one does the bias too. The output gradient is read
    /// where it lies, with what lies behind a panel's last column: those sums are not used.</summary>
    private struct Piece<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public ConvolutionShape Shape;

        /// <summary>The first outputs, which this computes.</summary>
        public int Outputs;
        public float* Images;
        public float* OutputGradient;

        /// <summary>The last parts of the output gradient in panels, a vector's length of positions at least: nothing is read behind its end.</summary>
        public float* Tail;

        /// <summary>The first part that the tail has.</summary>
        public int TailPart;
        public Parts Parts;
        public float* WeightsGradient;
        public float* BiasGradient;
        public int Positions;

        /// <summary>Taps of a block.</summary>
        public int TapBlock;

        /// <summary>Blocks of a piece.</summary>
        public int Blocks;

        public readonly void Run(int piece)
        {
            float** rows = stackalloc float*[Panels<TLanes, V>.RowPointers];
            int panels = Panels<TLanes, V>.Count(Outputs), begin = piece * Blocks * TapBlock, end = Math.Min(begin + (Blocks * TapBlock), Shape.Taps);
            for (int start = 0; start < Positions; start += Chunk)
            {
                for (int panel = 0; begin == 0 && BiasGradient != null && panel < panels; panel++) AddBias(start, panel);
                for (int first = begin; first < end; first += TapBlock)
                {
                    int count = Math.Min(TapBlock, end - first);
                    TapPointers(first, count, rows);
                    for (int panel = 0; panel < panels; panel++) AddChunk(rows, first, count, start, panel);
                }
            }
        }

        private readonly void TapPointers(int first, int count, float** rows)
        {
            int runLength = Shape.Kernel * Shape.Channels;
            for (int i = 0; i < count + 12; i++)
            {
                int tap = first + Math.Min(i, count - 1);
                rows[i] = Images + ((long)(tap / runLength) * Shape.PaddedWidth * Shape.Channels) + (tap % runLength);
            }
        }

        /// <summary>Where a part's output gradients of one panel are, and how far a position is from the next.</summary>
        private readonly float* Gradients(int part, int panel, out long step)
        {
            int first = Panels<TLanes, V>.First(panel, Outputs);
            if (part >= TailPart)
            {
                int width = Panels<TLanes, V>.Vectors(panel, Outputs) * TLanes.Count;
                step = width;
                return Tail + ((long)first * (Positions - (TailPart * Part))) + ((long)(part - TailPart) * Part * width);
            }

            step = Shape.Outputs;
            return OutputGradient + ((long)part * Part * Shape.Outputs) + first;
        }

        [SkipLocalsInit]
        private readonly void AddChunk(float** rows, int firstTap, int count, int start, int panel)
        {
            float* memory = stackalloc float[(Panels<TLanes, V>.RowPointers * 3 * 16) + 16];
            float* sums = (float*)(((nuint)memory + 63) & ~(nuint)63);
            int first = Panels<TLanes, V>.First(panel, Outputs), vectors = Panels<TLanes, V>.Vectors(panel, Outputs), width = vectors * TLanes.Count;
            int height = RegisterTile<TLanes, V>.Height(vectors);
            int end = Math.Min(start + Chunk, Positions);
            float* to = WeightsGradient + ((long)firstTap * Shape.Outputs) + first;
            bool isInPlace = Positions <= Chunk && count % height == 0 && first + width <= Outputs;
            for (int part = start / Part; part * Part < end; part++)
            {
                int run = Parts.FirstRun[part];
                float* gradients = Gradients(part, panel, out long step);
                Terms positions = new()
                {
                    Offsets = Parts.Offsets + run,
                    Lengths = Parts.Lengths + run,
                    Runs = Parts.FirstRun[part + 1] - run,
                    Step = (long)Shape.Stride * Shape.Channels,
                    PanelStep = step,
                };
                bool goesOn = part * Part > start;
                if (isInPlace) Panels<TLanes, V>.MultiplyPlain(rows, count, &positions, gradients, vectors, to, Shape.Outputs, goesOn);
                else Panels<TLanes, V>.MultiplyPlain(rows, count, &positions, gradients, vectors, sums, width, goesOn);
            }

            if (isInPlace) return;
            int columns = Math.Min(width, Outputs - first);
            for (int i = 0; i < count; i++, to += Shape.Outputs, sums += width)
            {
                if (start == 0) Unsafe.CopyBlockUnaligned(to, sums, (uint)(columns * sizeof(float)));
                else Panels<TLanes, V>.Add(sums, columns, to);
            }
        }

        /// <summary>Adds one chunk to one panel's columns of the bias.</summary>
        private readonly void AddBias(int start, int panel)
        {
            int first = Panels<TLanes, V>.First(panel, Outputs), width = Panels<TLanes, V>.Vectors(panel, Outputs) * TLanes.Count;
            int end = Math.Min(start + Chunk, Positions);
            V s0 = TLanes.Zero, s1 = s0, s2 = s0;
            for (int part = start / Part; part * Part < end; part++)
            {
                float* gradients = Gradients(part, panel, out long step);
                for (int p = part * Part; p < Math.Min(end, (part + 1) * Part); p++, gradients += step)
                {
                    Prefetch.FarLine(gradients + (Ahead * step));
                    s0 = TLanes.Add(s0, TLanes.Load(gradients));
                    if (width > TLanes.Count) s1 = TLanes.Add(s1, TLanes.Load(gradients + TLanes.Count));
                    if (width > 2 * TLanes.Count) s2 = TLanes.Add(s2, TLanes.Load(gradients + (2 * TLanes.Count)));
                }
            }

            float* sums = stackalloc float[3 * 16];
            TLanes.Store(s0, sums);
            TLanes.Store(s1, sums + TLanes.Count);
            TLanes.Store(s2, sums + (2 * TLanes.Count));
            for (int j = 0; j < Math.Min(width, Outputs - first); j++)
                BiasGradient[first + j] = start == 0 ? sums[j] : BiasGradient[first + j] + sums[j];
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
