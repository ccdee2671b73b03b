namespace Detox.Gpu.Tables;

/// <summary>One thing that people choose by its name.</summary>
/// <param name="Usage">The name with its parameters and their defaults, "alie(z=1)"; N stands for a number without a default.</param>
/// <param name="Summary">What it does, in one line of the help.</param>
public abstract record Row(string Usage, string Summary)
{
    public string Name => Signature.Name;

    internal Call Signature { get; } = Call.Parse(Usage);
}

/// <param name="Make">Makes it; what it takes besides the parameters is the table's matter.</param>
public sealed record Row<TMake>(string Usage, string Summary, TMake Make) : Row(Usage, Summary)
    where TMake : Delegate;
