namespace Detox.Mpi;

/// <summary>How the program ends; the numbers that scripts see.</summary>
public enum ExitCode
{
    Done = 0,
    Unexpected = 1,
    Usage = 2,
    Environment = 3,
    StoppedWithCheckpoint = 85,
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
