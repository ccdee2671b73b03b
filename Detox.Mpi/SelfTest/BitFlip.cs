using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Mpi.SelfTest;

/// <summary>One bit that is flipped as soon as a step has written it, as failing hardware does.</summary>
/// <param name="Number">Of the tensor, among all that the steps write.</param>
internal sealed record BitFlip(Element Where, int Number, int Bit)
{
    private const ulong Key = 0xF11B;

    /// <summary>Any bit of any tensor of any model at any of the places.</summary>
    public static BitFlip Draw(ulong seed, IReadOnlyList<ModelCase> models, IReadOnlyList<string> places)
    {
        SeededRandom random = new(seed, Key);
        ModelCase model = models[random.NextInt(models.Count)];
        string place = places[random.NextInt(places.Count)];
        List<Element> ends = [];
        using CpuDevice device = new(Environment.ProcessorCount);
        using (ModelSteps steps = new(device, model, model.Start()))
            steps.Run(flip: null, (_, step, tensor, values) => ends.Add(new Element(model.Model, step, place, tensor.Op, tensor.Name, values.Length)));
        int number = random.NextInt(ends.Count);
        Element end = ends[number];
        return new BitFlip(end with { Index = random.NextInt((int)end.Index) }, number, random.NextInt(8 * sizeof(float)));
    }

    public void Strike(Device device, View tensor)
    {
        View struck = tensor.Slice(Where.Index, 1);
        float[] value = new float[1];
        device.Read(struck, value);
        value[0] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value[0]) ^ (1u << Bit));
        device.Write(value, struck);
    }

    public override string ToString() => $"{Where}, bit {Bit}";
}
