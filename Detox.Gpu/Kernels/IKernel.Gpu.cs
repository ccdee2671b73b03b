using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>A kernel: its fields are its arguments, and every thread of every group runs it.</summary>
internal interface IKernel
{
    /// <summary>Of how many threads a group is.</summary>
    static abstract int Threads { get; }

    void Run();
}

/// <summary>A kernel of which each thread has a number and works for itself.</summary>
internal interface IThread
{
    void Run(long index);
}

/// <summary>As many threads of such a kernel as are asked for; those that fill up the last group do nothing.</summary>
internal readonly struct Each<TThread>(long count, TThread thread) : IKernel
    where TThread : struct, IThread
{
    public static int Threads => 128;

    public void Run()
    {
        long index = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (index < count) thread.Run(index);
    }
}
