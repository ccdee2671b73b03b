using System.Security.Cryptography;
using Detox.Gpu.Digests;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Checkpoints;

/// <summary>Checks what a run's folder says of itself: the chain of its steps, its faults, its manifest, its checkpoints.</summary>
internal sealed class RunVerifier(string folder)
{
    private readonly List<string> _problems = [];
    private readonly Dictionary<long, Ballot> _weights = [];

    /// <summary>What is wrong, a sentence each that names file and place; empty where every byte is as it was written.</summary>
    public IReadOnlyList<string> Problems => _problems;

    public long Steps { get; private set; }

    public int Checkpoints { get; private set; }

    /// <summary>Whether the run has come to its end, so that a manifest speaks for all of its files.</summary>
    public bool HasEnded { get; private set; }

    public void Run()
    {
        CheckSteps();
        HasEnded = File.Exists(Path.Combine(folder, Manifest.FileName));
        if (HasEnded && Manifest.Problem(folder, name => name is "checkpoints" or RunFolder.Output or RunFolder.Report) is { } problem) _problems.Add(problem);
        CheckCheckpoints();
    }

    private void CheckSteps()
    {
        using FaultsSoFar faults = new(Path.Combine(folder, RunFolder.Blames));
        try
        {
            foreach ((StepRecord record, string blame) in StepLog.Read(folder))
            {
                if (!faults.Reach(blame))
                    throw new InvalidDataException($"{faults.Path} is not as it was written: it does not hold what step {record.Step} says that it held");
                _weights[record.Step] = record.Weights;
                Steps++;
            }
        }
        catch (InvalidDataException error)
        {
            _problems.Add(error.Message);
        }
    }

    private void CheckCheckpoints()
    {
        CheckpointStore store = new(folder);
        foreach (long step in store.Steps())
        {
            try
            {
                RunState state = Checkpoint.Open(store.PathOf(step)).State;
                RunFolder.Expect(folder, state);
                if (state.Step != step) _problems.Add($"{store.PathOf(step)} says that it was made before step {state.Step}");
                if (_weights.TryGetValue(step, out Ballot weights) && weights.ToString() != state.Weights)
                    _problems.Add($"{store.PathOf(step)}: its weights are {state.Weights}, and step {step} was computed with {weights}");
                Checkpoints++;
            }
            catch (InvalidDataException error)
            {
                _problems.Add($"checkpoint {store.PathOf(step)}: {error.Message}");
            }
        }
    }

    /// <summary>blame.csv, line by line, and its digest so far.</summary>
    private sealed class FaultsSoFar : IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly byte[] _bytes;
        private int _at;

        public FaultsSoFar(string path)
        {
            Path = path;
            _bytes = File.Exists(path) ? File.ReadAllBytes(path) : [];
        }

        public string Path { get; }

        /// <summary>Reads on until the file so far has a digest; false where it never has.</summary>
        public bool Reach(string digest)
        {
            while (Convert.ToHexStringLower(_hash.GetCurrentHash()) != digest)
            {
                int end = _bytes.AsSpan(_at).IndexOf((byte)'\n');
                if (end < 0) return false;
                _hash.AppendData(_bytes, _at, end + 1);
                _at += end + 1;
            }

            return true;
        }

        public void Dispose() => _hash.Dispose();
    }
}
