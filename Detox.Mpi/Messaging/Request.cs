namespace Detox.Mpi.Messaging;

/// <summary>An operation that was started; it must be waited for once.</summary>
public abstract class Request
{
    /// <summary>What is rung when this request may have moved on.</summary>
    private protected abstract Doorbell Bell { get; }

    /// <summary>Whether it has completed; does not wait.</summary>
    public abstract bool Test();

    /// <summary>Once complete: whether the message was longer than its memory, and is lost.</summary>
    public abstract bool IsTooLong { get; }

    /// <summary>The number of values received, once complete; 0 for a send.</summary>
    public abstract int Values { get; }

    /// <summary>Waits, leaving the core to others; returns the number of values received (0 for a send).</summary>
    /// <exception cref="DetoxException">The message is longer than its memory.</exception>
    public int Wait()
    {
        Patience patience = default;
        while (!Test())
        {
            int rings = Bell.Rings;
            if (Test()) break;
            Bell.Wait(rings, ref patience);
        }

        return IsTooLong ? throw TooLong() : Values;
    }

    /// <summary>What is thrown where a message that is too long is an error.</summary>
    private protected abstract DetoxException TooLong();

    private protected static Doorbell BellOf(Request request) => request.Bell;

    private protected static DetoxException TooLongOf(Request request) => request.TooLong();

    /// <summary>Waits until one of the requests, which are all of one rank, has completed and returns its index.
    /// Entries that are null are passed over.</summary>
    public static int WaitAny(ReadOnlySpan<Request?> requests)
    {
        Doorbell? bell = null;
        foreach (Request? request in requests)
        {
            bell ??= request?.Bell;
        }
        if (bell is null) throw new ArgumentException("there is no request to wait for", nameof(requests));

        Patience patience = default;
        while (true)
        {
            int rings = bell.Rings;
            for (int i = 0; i < requests.Length; i++)
                if (requests[i]?.Test() == true) return i;
            bell.Wait(rings, ref patience);
        }
    }
}
