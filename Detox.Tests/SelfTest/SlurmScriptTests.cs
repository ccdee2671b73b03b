using Detox.Tests.Data;
using Detox.Tests.Messaging;
using NUnit.Framework;

namespace Detox.Tests.SelfTest;

/// <summary>jobs/slurm-selftest.sh, with an srun that runs each node's task here and a program that ends as the node's name says.</summary>
public sealed class SlurmScriptTests
{
    private const string Srun = """
        #!/usr/bin/env bash
        echo "$@" > "$FAKES/srun.arguments"
        while [[ $1 == --* ]]; do shift; done
        for node in $NODES; do
          [[ $node == lost* ]] || SLURMD_NODENAME=$node "$@"
        done
        [[ $NODES != *lost* ]]
        """;

    private const string Scontrol = """
        #!/usr/bin/env bash
        [ "$*" = "show hostnames nodes[1-9]" ] && printf '%s\n' $NODES
        """;

    private const string Dotnet = """
        #!/usr/bin/env bash
        [ "$*" = "publish/Detox.Mpi.dll selftest --minutes 5" ] || exit 99
        echo "$SLURMD_NODENAME: says something"
        case $SLURMD_NODENAME in
          bad*) exit 86 ;;
          crash*) kill -9 $$ ;;
          usage*) exit 2 ;;
        esac
        """;

    private TempFolder _fakes = null!;

    [SetUp]
    public void WriteFakes()
    {
        _fakes = new TempFolder();
        foreach ((string name, string text) in (ReadOnlySpan<(string, string)>)[("srun", Srun), ("scontrol", Scontrol), ("dotnet", Dotnet)])
            _fakes.Write(name, System.Text.Encoding.UTF8.GetBytes(text));
    }

    [TearDown]
    public void Delete() => _fakes.Dispose();

    [Test]
    public void NodesThatFailAreListedAsSrunExcludesThem()
    {
        MpiOutcome outcome = Run("good1 bad.example bad crash1 lost1 good2");
        Assert.That(outcome.ExitCode, Is.EqualTo(86), outcome.Errors);
        Assert.That(outcome.Output, Does.StartWith("good1: says something\nexit code of good1: 0\n").And.EndWith(
            """

            host                     result
            good1                    right
            bad.example              to be replaced
            bad                      to be replaced
            crash1                   exit code 137
            lost1                    no answer
            good2                    right

            --exclude=bad.example,bad,crash1,lost1

            """));
        Assert.That(File.ReadAllText(Path.Combine(_fakes.Path, "srun.arguments")), Does.StartWith("--nodes=6 --ntasks=6 --ntasks-per-node=1 "));
    }

    [Test]
    public void WhereAllAreRightThereIsNothingToExclude()
    {
        MpiOutcome outcome = Run("good1 good2");
        Assert.That((outcome.ExitCode, outcome.Errors), Is.EqualTo((0, "")));
        Assert.That(outcome.Output, Does.EndWith("\nhost                     result\ngood1                    right\ngood2                    right\n"));
    }

    [Test]
    public void WrongOptionsAreNoNodesFault()
    {
        MpiOutcome outcome = Run("usage1 usage2");
        Assert.That(outcome.ExitCode, Is.EqualTo(2));
        Assert.That(outcome.Output, Does.Not.Contain("--exclude"));
    }

    private MpiOutcome Run(string nodes)
    {
        Dictionary<string, string> variables = new()
        {
            ["FAKES"] = _fakes.Path,
            ["NODES"] = nodes,
            ["PATH"] = $"{_fakes.Path}:{Environment.GetEnvironmentVariable("PATH")}",
            ["SLURM_SUBMIT_DIR"] = _fakes.Path,
            ["SLURM_JOB_NUM_NODES"] = $"{nodes.Split(' ').Length}",
            ["SLURM_JOB_NODELIST"] = "nodes[1-9]",
        };
        string script = Path.Combine(Repository.Path, "jobs", "slurm-selftest.sh");
        return MpiRunner.RunCommand(["bash", "-c", $"chmod +x $FAKES/*; exec {script} --minutes 5"], variables, limitSeconds: 60);
    }
}
