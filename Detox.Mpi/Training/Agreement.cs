using System.Text;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>An error that all ranks have learnt of: rank 0 says it, and every rank ends by itself with its code.</summary>
public sealed class AgreedException(ExitCode code, string message) : Exception(message)
{
    public ExitCode Code { get; } = code;
}

/// <summary>Makes what may fail on some ranks fail on all of them, with one message.</summary>
internal static class Agreement
{
    private const int MessageLimit = 4096;

    /// <summary>Collective: runs <paramref name="prepare"/> on every rank. Where it fails on any, all ranks throw
    /// <see cref="AgreedException"/> with the message of the lowest rank on which it failed.</summary>
    public static T Reach<T>(Communicator world, Func<T> prepare)
    {
        T? prepared = default;
        DetoxException? failure = null;
        try
        {
            prepared = prepare();
        }
        catch (Exception error) when (DetoxException.Of(error) is not null)
        {
            failure = DetoxException.Of(error);
        }

        long[] lowest = [failure is null ? long.MaxValue : world.Rank];
        world.Allreduce(lowest, Reduction.Minimum);
        if (lowest[0] == long.MaxValue) return prepared!;

        int failed = (int)lowest[0];
        int[] code = [failure is null ? 0 : (int)failure.Code];
        byte[] text = new byte[MessageLimit];
        if (world.Rank == failed)
        {
            string message = failed == 0 ? failure!.Message : $"rank {failed}: {failure!.Message}";
            Encoding.UTF8.GetEncoder().Convert(message, text, flush: true, out _, out _, out _);
        }

        world.Broadcast<int>(code, failed);
        world.Broadcast<byte>(text, failed);
        throw new AgreedException((ExitCode)code[0], Encoding.UTF8.GetString(text).TrimEnd('\0'));
    }
}
