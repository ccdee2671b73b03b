using Detox.Mpi.Messaging;
using Detox.Tests.Checkpoints;

namespace Detox.Tests.Messaging;

/// <summary>This assembly's own entry point: what the tests start under mpiexec, `dotnet exec Detox.Tests.dll VERB`, and the tests
/// of bits for a machine without an SDK.</summary>
internal static class RankProgram
{
    public static int Main(string[] args)
    {
        Launcher launcher = Launcher.Detect();
        const int inProcessRanks = 3;
        return args switch
        {
            ["contract"] => World.Run(launcher, inProcessRanks, Contract, Console.Error),
            ["throw"] => World.Run(launcher, inProcessRanks, Throw, Console.Error),
            ["fail-everywhere"] => World.Run(launcher, inProcessRanks, FailEverywhere, Console.Error),
            ["return", var code] => World.Run(launcher, inProcessRanks, _ => int.Parse(code), Console.Error),
            ["null-reference"] => World.Run(launcher, inProcessRanks, NullReference, Console.Error),
            [WatchedProcess.Verb, var end] => WatchedProcess.Run(end),
            ["measure"] => World.Run(launcher, inProcessRanks, MessagingBenchmark.Run, Console.Error),
            ["bits", var kind] when Enum.TryParse(kind, ignoreCase: true, out Gpu.Devices.Ilgpu.IlgpuKind device) => Kernels.BitCheck.Run(device),
            [TrainedModel.Verb, var model, var data, var steps, var path] => TrainedModel.Write(model, data, int.Parse(steps), path),
            ["ptx", var folder] => Ptx.KernelTexts.WriteAll(folder),
            ["complexity", var folder] => Complexity.ComplexityTable.Write(folder),
            _ => Usage(),
        };
    }

    private static int Usage()
    {
        Console.Error.WriteLine("verbs: contract, throw, fail-everywhere, return CODE, null-reference, watched END, measure, bits cuda|opencl|simulator, ptx FOLDER, complexity FOLDER, weights MODEL DATA STEPS FILE");
        return (int)Detox.Mpi.ExitCode.Usage;
    }

    private static int Contract(Communicator world)
    {
        int size = world.Size;
        CommunicatorContract.CheckAll(world, size > 8 ? 1000 : 100_000);
        if (world is MpiCommunicator mpi)
        {
            // The same once more with messages that need several pieces, and no tags left for parts.
            mpi.Process.TagRanges = 0;
            mpi.Process.PieceBytes = 64;
            CommunicatorContract.CheckAll(world, size > 8 ? 16 : 1000, isWhole: false);
        }
        if (world.Rank == 0) Console.WriteLine($"contract holds for {size} ranks");
        return 0;
    }

    /// <summary>One rank fails while the others wait for it for ever.</summary>
    private static int Throw(Communicator world)
    {
        if (world.Rank == world.Size - 1) throw new Detox.Mpi.DetoxException(Detox.Mpi.ExitCode.Environment, $"rank {world.Rank} gave up");
        world.Barrier();
        world.Barrier();
        return 0;
    }

    private static int FailEverywhere(Communicator world)
    {
        world.Barrier();
        throw new Detox.Mpi.DetoxException(Detox.Mpi.ExitCode.Usage, "all ranks found the same");
    }

    /// <summary>The MPI library must leave .NET the signal that becomes this exception.</summary>
    private static int NullReference(Communicator world)
    {
        string? nothing = world.Size == 0 ? "" : null;
        try
        {
            return nothing!.Length;
        }
        catch (NullReferenceException)
        {
            world.Barrier();
            if (world.Rank == 0) Console.WriteLine("caught");
            return 0;
        }
    }
}
