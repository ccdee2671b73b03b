namespace Detox.Mpi;

/// <summary>How the program ends; the numbers that scripts see.</summary>
public enum ExitCode
{
    /// <summary>What was wanted is done.</summary>
    Done = 0,

    /// <summary>A bug, a report that could not be written, or training that diverged without an attack.</summary>
    Unexpected = 1,

    /// <summary>Options, files or data that a person must mend.</summary>
    Usage = 2,

    /// <summary>The machine, its libraries or its launcher.</summary>
    Environment = 3,

    /// <summary>A run that was to go on has no checkpoint that is whole, or has failed behind the same one too often: starting it again does not help.</summary>
    NoCheckpoint = 4,

    /// <summary>The run was stopped, and its checkpoint waits: start it again with --resume.</summary>
    StoppedWithCheckpoint = 85,

    /// <summary>This node computes wrong: the run or the test goes elsewhere.</summary>
    ReplaceNode = 86,
}

/// <summary>An error that a person can mend: its message is all that is shown, and its code is how the program ends.</summary>
/// <remarks>The message says what was expected, what was found, and one hint.</remarks>
public sealed class DetoxException(ExitCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    public ExitCode Code { get; } = code;

    /// <summary>What a person can mend, as such an exception; null where the error is none of these.</summary>
    public static DetoxException? Of(Exception error) => error switch
    {
        DetoxException known => known,
        Gpu.Devices.Ilgpu.DeviceException device => new DetoxException(ExitCode.Environment, $"--device: {device.Message}", device),
        _ => null,
    };
}
