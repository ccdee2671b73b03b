using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;

namespace Detox.Mpi.Training;

/// <summary>The devices that --device names: auto, cpu, cuda, opencl or simulator, a GPU with its number behind a colon; of
/// several names behind commas the ranks take one each, in turn.</summary>
internal static class DeviceChoice
{
    private static readonly (string Name, IlgpuKind Kind)[] _kinds =
        [("cuda", IlgpuKind.Cuda), ("opencl", IlgpuKind.OpenCl), ("simulator", IlgpuKind.Simulator)];

    /// <summary>What is wrong with a choice; null where nothing is.</summary>
    public static string? Problem(string text)
    {
        foreach (string choice in text.Split(','))
        {
            string[] parts = choice.Split(':');
            bool isGpu = Array.Exists(_kinds, kind => kind.Name == parts[0]);
            bool isNumbered = parts.Length == 2 && isGpu && int.TryParse(parts[1], out int index) && index >= 0;
            if (!isNumbered && (parts.Length != 1 || !(isGpu || parts[0] is "auto" or "cpu")))
                return $"--device {text}: auto, cpu, cuda, opencl or simulator, a number behind it as in cuda:1, or several of them with commas.";
        }

        return null;
    }

    /// <summary>Opens the device of a rank. Where no number is given the ranks of a node share its GPUs in turn.</summary>
    /// <exception cref="DetoxException">It is not there or lacks something: the message says what to do.</exception>
    public static Device Open(string text, int threads, int rank, int localRank)
    {
        string[] choices = text.Split(',');
        string[] parts = choices[rank % choices.Length].Split(':');
        try
        {
            if (parts[0] == "cpu" || (parts[0] == "auto" && !HasCuda())) return new CpuDevice(threads);
            IlgpuKind kind = parts[0] == "auto" ? IlgpuKind.Cuda : Array.Find(_kinds, named => named.Name == parts[0]).Kind;
            int? index = parts.Length == 2 ? int.Parse(parts[1]) : null;
            return IlgpuDevice.Open(kind, count => index ?? (localRank % Math.Max(1, count)));
        }
        catch (DeviceException error)
        {
            throw new DetoxException(ExitCode.Environment, $"--device {text}: {error.Message}", error);
        }
    }

    /// <summary>Every GPU of this machine: cuda:0, cuda:1, opencl:0.</summary>
    public static IEnumerable<string> Gpus() => _kinds.SelectMany(named => IlgpuDevice.Gpus(named.Kind).Select(number => $"{named.Name}:{number}"));

    /// <summary>Whether there is a GPU for CUDA. Without the driver's library, which is soon known, ILGPU is not even loaded.</summary>
    public static bool HasCuda()
    {
        if (!NativeLibrary.TryLoad("libcuda.so.1", out nint driver)) return false;
        NativeLibrary.Free(driver);
        return IlgpuDevice.Count(IlgpuKind.Cuda) > 0;
    }
}
