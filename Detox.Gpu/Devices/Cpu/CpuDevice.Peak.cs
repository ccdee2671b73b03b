using System.Runtime.Intrinsics;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices.Cpu;

public sealed unsafe partial class CpuDevice
{
    public override void FmaChains(View values, int rounds)
    {
        switch (NetworkLanes)
        {
            case 16: Chains<Lanes512, Vector512<float>>(values, rounds); break;
            case 8: Chains<Lanes256, Vector256<float>>(values, rounds); break;
            case 4: Chains<Lanes128, Vector128<float>>(values, rounds); break;
            default: Chains<Lanes32, float>(values, rounds); break;
        }
    }

    private void Chains<TLanes, V>(View values, int rounds)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        var work = new FmaChains.Cpu<TLanes, V> { Values = Pointer(values), Length = values.Length, Rounds = rounds };
        _team.Run(Blocks(values.Length, Kernels.FmaChains.Cpu<TLanes, V>.Block), ref work);
    }
}
