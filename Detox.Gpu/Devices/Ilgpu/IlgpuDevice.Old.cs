using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

public sealed partial class IlgpuDevice
{
    private readonly Dictionary<string, Delegate> _oldKernels = [];
    private readonly Dictionary<(string, Type), object> _oldScratch = [];

    private static ArrayView<float> Pointer(View view) => Floats(view);

    private static Index1D Threads(long count) => checked((int)count);

    private TKernel Kernel<TKernel>(string name, Func<TKernel> load)
        where TKernel : Delegate
    {
        if (_oldKernels.TryGetValue(name, out Delegate? kernel)) return (TKernel)kernel;
        TKernel loaded = load();
        _oldKernels.Add(name, loaded);
        return loaded;
    }

    private ArrayView<T> Scratch<T>(string name, long length)
        where T : unmanaged
        => Room(Key<T>(name), length);

    private Scratch<T> Key<T>(string name)
        where T : unmanaged
    {
        if (!_oldScratch.TryGetValue((name, typeof(T)), out object? key)) _oldScratch[(name, typeof(T))] = key = new Scratch<T>();
        return (Scratch<T>)key;
    }

    private ArrayView<T> Constant<T>(string name, T[] values)
        where T : unmanaged
        => Constant(Key<T>(name), values);

    private ArrayView<T> Upload<T>(string name, ReadOnlySpan<T> values)
        where T : unmanaged
        => Upload(Key<T>(name), values);
}
