namespace Detox.Tests.Ptx;

/// <summary>The warps of a group, which run one after another from barrier to barrier.</summary>
internal sealed class Group
{
    private readonly Warp[] _warps;
    private readonly LocalSpace[] _locals;
    private readonly SharedSpace _shared;

    public Group(PtxKernel kernel, PtxChecks checks, GlobalMemory memory, byte[] parameters, Triple groupSize, Triple gridSize)
    {
        int warps = (int)((groupSize.Count + Warp.Lanes - 1) / Warp.Lanes);
        _shared = new SharedSpace(kernel.Shared);
        _locals = [.. Enumerable.Range(0, warps).Select(_ => new LocalSpace(kernel.Local))];
        ParameterSpace block = new(kernel, parameters);
        _warps = [.. _locals.Select((local, number) => new Warp(kernel, checks, new Spaces(memory, _shared, local, block), number, groupSize, gridSize))];
    }

    public PtxCounts Counts => new(_warps.Sum(warp => warp.Instructions), _warps.Sum(warp => warp.ThreadInstructions));

    public void Run(long number)
    {
        _shared.Begin();
        foreach (LocalSpace local in _locals) local.Begin();
        foreach (Warp warp in _warps) warp.Begin(number);
        while (true)
        {
            foreach (Warp warp in _warps) warp.Run();
            if (_warps.All(warp => warp.Alive == 0)) return;
            CheckBarrier();
            _shared.Barrier();
        }
    }

    // The rule is stricter than the ISA's: all threads of the group stand at one and the same instruction, and none has returned.
    private void CheckBarrier()
    {
        Warp first = _warps.First(warp => warp.Alive != 0);
        foreach (Warp warp in _warps)
        {
            if (warp.Alive == 0) throw first.Fault(first.All, $"a barrier waits for thread {warp.ThreadOf(0)} of the group, which has returned");
            if (warp.Current != first.Current) throw first.Fault(first.All, $"a barrier waits for thread {warp.ThreadOf(0)} of the group, which waits at the barrier in line {warp.Current.Line}");
        }
    }
}
