namespace Detox.Mpi.Messaging;

/// <summary>How a waiting rank hears that it should look again. It reads <see cref="Rings"/>, looks, and where it found
/// nothing waits for the number to change: a ring between the look and the wait is never lost.</summary>
internal abstract class Doorbell
{
    public abstract int Rings { get; }

    /// <summary>Returns when the bell has been rung more often than <paramref name="rings"/>, or when it is time to look anyway.</summary>
    /// <param name="limit">The longest sleep; <see cref="Timeout.InfiniteTimeSpan"/> for no limit.</param>
    public abstract void Wait(int rings, ref Patience patience, TimeSpan limit);

    public void Wait(int rings, ref Patience patience) => Wait(rings, ref patience, Timeout.InfiniteTimeSpan);
}
