namespace Detox.Mpi.Messaging;

/// <summary>Starts the ranks of a job and ends them: under a launcher as its processes, else as threads of this one.</summary>
public static class World
{
    /// <summary>Ranks that are not the one to say why the job ends wait this long to be ended.</summary>
    private static readonly TimeSpan _lastWords = TimeSpan.FromSeconds(5);

    /// <summary>Runs <paramref name="rankBody"/> as every rank and returns this process's exit code: what the body returned
    /// (rank 0's, in one process). This is the one place where an error of any rank ends the whole job: its message is
    /// written once, and all ranks end with its code.</summary>
    /// <param name="ranks">The number of ranks without a launcher; with one, it is the launcher's.</param>
    public static int Run(Launcher launcher, int ranks, Func<Communicator, int> rankBody, TextWriter errors)
        => launcher.IsLaunched ? RunMpi(launcher, rankBody, errors) : RunInProcess(ranks, rankBody, errors);

    /// <summary>Ends a process for an error that every rank finds, while nothing connects them: the launcher's rank 0 says
    /// it. The others let it speak first, as most launchers end all ranks as soon as one ends with an error.</summary>
    /// <returns>The exit code.</returns>
    public static int Refuse(Launcher launcher, DetoxException exception, TextWriter errors)
    {
        if (launcher.Rank > 0) Thread.Sleep(_lastWords);
        if (launcher.Rank == 0) errors.WriteLine(exception.Message);
        errors.Flush();
        return (int)exception.Code;
    }

    private static int RunMpi(Launcher launcher, Func<Communicator, int> rankBody, TextWriter errors)
    {
        MpiCommunicator world;
        try
        {
            world = MpiCommunicator.Start(launcher, Environment.GetEnvironmentVariable(MpiLocator.Variable));
        }
        catch (DetoxException exception)
        {
            return Refuse(launcher, exception, errors);
        }

        try
        {
            int code = rankBody(world);
            world.Dispose();
            return code;
        }
        catch (Exception exception)
        {
            if (world.Process.Window?.FirstToFail() == false) Thread.Sleep(_lastWords);
            (string message, int code) = Describe(exception, world.Rank);
            errors.WriteLine(message);
            errors.Flush();
            world.Abort(code);
            return code;
        }
    }

    private static int RunInProcess(int ranks, Func<Communicator, int> rankBody, TextWriter errors)
    {
        int code = 0;
        try
        {
            InProcessWorld.Run(ranks, communicator =>
            {
                int own = rankBody(communicator);
                if (communicator.Rank == 0) code = own;
            });
            return code;
        }
        catch (JobAbortedException exception)
        {
            return exception.ExitCode;
        }
        catch (Exception exception)
        {
            (string message, code) = Describe(exception, null);
            errors.WriteLine(message);
            return code;
        }
    }

    private static (string Message, int Code) Describe(Exception exception, int? rank) => DetoxException.Of(exception) is { } known
        ? (known.Message, (int)known.Code)
        : ($"unexpected error{(rank is { } number ? $" on rank {number}" : "")}: {exception}", (int)ExitCode.Unexpected);
}
