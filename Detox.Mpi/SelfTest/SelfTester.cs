using System.Runtime.ExceptionServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Mpi.Training;

namespace Detox.Mpi.SelfTest;

/// <summary>Tests a node: the first steps of models, everywhere on it, to the last bit.</summary>
/// <remarks>The places are the CPU with all threads, each core alone, both at every width of vectors, and the other devices. What the first place writes is hashed;
/// where that is the known hash, every tensor of the others is compared with it. Where it is not, plain loops say what is right.</remarks>
internal sealed class SelfTester : IDisposable
{
    private readonly IReadOnlyList<ModelCase> _models;
    private readonly int[] _cores;
    private readonly CpuDevice _cpu;
    private readonly List<(string Place, Device Device)> _others = [];
    private readonly List<string> _places;
    private readonly List<Mismatch> _mismatches = [];

    /// <param name="devices">Those beside the CPU, as --device calls them.</param>
    public SelfTester(IReadOnlyList<ModelCase> models, int[] cores, IEnumerable<string> devices)
    {
        (_models, _cores, _cpu) = (models, cores, new CpuDevice(cores.Length));
        foreach (string device in devices) _others.Add((device, DeviceChoice.Open(device, threads: 1, rank: 0, localRank: 0)));
        _places =
        [
            .. CpuDevice.FusingLanes.Select(AllThreads),
            .. _cores.SelectMany(core => CpuDevice.FusingLanes.Select(lanes => OneCore(core, lanes))),
            .. _others.Select(other => other.Place),
        ];
    }

    public IReadOnlyList<string> Places => _places;

    /// <summary>Strikes in the next rounds; null for none.</summary>
    public BitFlip? Flip { get; set; }

    /// <summary>Runs every model at every place once; the first mismatch of each.</summary>
    public IReadOnlyList<Mismatch> Round()
    {
        _mismatches.Clear();
        foreach (ModelCase model in _models) Test(model);
        return [.. _mismatches.OrderBy(mismatch => _places.IndexOf(mismatch.Where.Place))];
    }

    public void Dispose()
    {
        _cpu.Dispose();
        foreach ((_, Device device) in _others) device.Dispose();
    }

    private string AllThreads(int lanes) => $"CPU with {_cores.Length} {(_cores.Length == 1 ? "thread" : "threads")} at {Bits(lanes)}";

    private static string OneCore(int core, int lanes) => $"CPU core {core} at {Bits(lanes)}";

    private static string Bits(int lanes) => $"{8 * sizeof(float) * lanes} bits";

    private void Test(ModelCase model)
    {
        ModelStart start = model.Start();
        Recording right;
        using (ModelSteps steps = new(_cpu, model, start))
        {
            right = RecordFirst(model, start, steps);
            foreach (int lanes in CpuDevice.FusingLanes.Skip(1))
            {
                _cpu.Lanes = lanes;
                Compare(right, AllThreads(lanes), model, steps);
            }
        }

        OnEachCore(start, core =>
        {
            using CpuDevice device = new(1);
            using ModelSteps steps = new(device, model, start);
            foreach (int lanes in CpuDevice.FusingLanes)
            {
                device.Lanes = lanes;
                Compare(right, OneCore(core, lanes), model, steps);
            }
        });
        foreach ((string place, Device device) in _others)
        {
            using ModelSteps steps = new(device, model, start);
            Compare(right, place, model, steps);
        }
    }

    /// <summary>The right tensors: those of the first place, or of plain loops where those are not.</summary>
    private Recording RecordFirst(ModelCase model, ModelStart start, ModelSteps steps)
    {
        _cpu.Lanes = CpuDevice.FusingLanes[0];
        string place = Places[0];
        Recording first = new(model, steps, FlipAt(place, model));
        if (first.WrongStep is null) return first;
        using PlainDevice plain = new();
        using ModelSteps defined = new(plain, model, start);
        Recording right = new(model, defined, flip: null);
        if (right.WrongStep is { } step)
        {
            throw new DetoxException(
                ExitCode.ReplaceNode,
                $"{model.Model} step {step}: neither vectors nor plain loops give the known bits: expected sha256 {model.Sha256[step]}, found {first.Sha256(step)} and {right.Sha256(step)}.");
        }

        Add(right.Compare(place, first) ?? throw new DetoxException(ExitCode.ReplaceNode, $"{model.Model}, {place}: all floats are right, and their sha256 was not."));
        return right;
    }

    private void Compare(Recording right, string place, ModelCase model, ModelSteps steps)
    {
        Mismatch? mismatch = null;
        steps.Run(FlipAt(place, model), (number, _, _, values) => mismatch ??= right.Compare(place, number, values));
        Add(mismatch);
    }

    private BitFlip? FlipAt(string place, ModelCase model) => Flip is { } flip && flip.Where.Place == place && flip.Where.Model == model.Model ? flip : null;

    private void Add(Mismatch? mismatch)
    {
        if (mismatch is null) return;
        lock (_mismatches) _mismatches.Add(mismatch);
    }

    /// <summary>Does the work on all cores at the same time, one thread each, or on as many as there is memory for.</summary>
    private void OnEachCore(ModelStart start, Action<int> work)
    {
        // State, payload and velocity; activations and scratch memory beside them.
        long bytesOfOne = 6L * start.State.Length * sizeof(float), room = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;
        foreach (int[] together in _cores.Chunk((int)Math.Clamp(room / bytesOfOne, 1, _cores.Length)))
        {
            ExceptionDispatchInfo? failure = null;
            Thread[] threads = Array.ConvertAll(together, core => new Thread(() =>
            {
                try
                {
                    Cores.RunOn(core);
                    work(core);
                }
                catch (Exception error)
                {
                    Volatile.Write(ref failure, ExceptionDispatchInfo.Capture(error));
                }
            }));
            foreach (Thread thread in threads) thread.Start();
            foreach (Thread thread in threads) thread.Join();
            failure?.Throw();
        }
    }
}
