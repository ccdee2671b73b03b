using Detox.Gpu;

namespace Detox.Mpi.Attacks;

/// <summary>Flips one random bit of one random float, as failing hardware does.</summary>
public sealed class BitFlipAttack : Attack
{
    public override string Name => "bit-flip";

    public override void Replace(Span<float> payload, in AttackContext context)
    {
        SeededRandom random = context.Own;
        int index = random.NextInt(payload.Length);
        payload[index] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(payload[index]) ^ (1u << random.NextInt(32)));
    }
}
