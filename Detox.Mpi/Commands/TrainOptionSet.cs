using System.CommandLine;
using System.CommandLine.Parsing;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>Some options of train on a command's line.</summary>
internal sealed class TrainOptionSet
{
    private readonly List<(TrainOption Option, Func<ParseResult, string?> Text)> _options = [];

    /// <param name="options">Added to the command.</param>
    public TrainOptionSet(Command command, IEnumerable<TrainOption> options)
    {
        foreach (TrainOption option in options)
        {
            if (option.Repeats) Add(new Option<string[]>($"--{option.Name}"), texts => texts is { Length: > 0 } ? string.Join("; ", texts) : null);
            else Add(new Option<string>($"--{option.Name}"), text => text);

            void Add<T>(Option<T> onLine, Func<T?, string?> textOf)
            {
                (onLine.Description, onLine.HelpName) = (option.Help, option.Value);
                command.Add(onLine);
                _options.Add((option, parsed => textOf(parsed.GetValue(onLine))));
            }
        }
    }

    /// <summary>The options with those set that are on the line.</summary>
    public TrainOptions Read(ParseResult parsed, TrainOptions options)
    {
        foreach ((TrainOption option, Func<ParseResult, string?> textOf) in _options)
            if (textOf(parsed) is { } text) options = option.Set(options, text, $"--{option.Name}");
        return options;
    }
}
