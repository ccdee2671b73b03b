namespace Detox.Tests.Complexity;

/// <summary>A method as this program has it: what of the code it needs that others do without, and what whoever runs it must decide.</summary>
/// <param name="Decisions">Options without a default that would do.</param>
/// <param name="Vote">Files of the vote; none where nobody votes.</param>
/// <param name="Rule">Files of what joins the vectors.</param>
internal sealed record Method(string Name, IReadOnlyList<string> Decisions, IReadOnlyList<string> Vote, IReadOnlyList<string> Rule)
{
    private const string Rules = "Detox.Gpu/Aggregation/Rules", Aggregation = "Detox.Gpu/Aggregation", Rows = "Detox.Gpu/Kernels/Rows", Training = "Detox.Mpi/Training";

    // The conversation of rank 0 with its ranks is that of the vote here: without one a method would ask each rank for its vector by something shorter.
    private static readonly string[] _vote =
    [
        "Detox.Mpi/Groups/GroupTable.cs", "Detox.Gpu/Digests/Ballot.cs", "Detox.Gpu/Digests/BallotKind.cs", "Detox.Gpu/Digests/BallotTree.cs", "Detox.Gpu/Digests/Blake3.cs",
        "Detox.Gpu/Digests/Vote.cs", "Detox.Gpu/Kernels/Leaves/", $"{Training}/GroupVote.cs", $"{Training}/GroupRound.cs", $"{Training}/Round.cs", $"{Training}/Round.Groups.cs",
        $"{Training}/Round.Messages.cs", $"{Training}/Conversation.cs", $"{Training}/Dissenters.cs", $"{Training}/Payload.cs",
    ];

    private static readonly string[] _weighing = [$"{Aggregation}/WeighingRule.cs", $"{Rows}/WeightedSum.cs"];
    private static readonly string[] _distances = [$"{Rows}/PairwiseSquaredDistances.cs", $"{Rows}/PairwiseSquaredDistances.Cpu.cs", $"{Rows}/PairwiseSquaredDistances.Gpu.cs"];
    private static readonly string[] _columns =
    [
        $"{Rows}/ColumnMemory.Gpu.cs", $"{Rows}/ColumnOrder.Cpu.cs", $"{Rows}/ColumnSort.Cpu.cs", $"{Rows}/ColumnBlocks.Cpu.cs", $"{Rows}/SortedColumn.Gpu.cs",
        $"{Rows}/SortedColumnThreads.Gpu.cs", $"{Rows}/SortedColumns.Cpu.cs", $"{Rows}/SortingNetwork.cs",
    ];

    private static readonly string[] _medians = [$"{Rows}/CoordinateMedian.cs", $"{Rows}/CoordinateMedian.Gpu.cs", $"{Rows}/ColumnMedian.Cpu.cs", .. _columns];
    private static readonly string[] _average = [$"{Rules}/MeanRule.cs", .. _weighing];
    private static readonly string[] _median = [$"{Rules}/MedianRule.cs", .. _medians];
    private static readonly string[] _multiKrum = [$"{Rules}/MultiKrumRule.cs", $"{Aggregation}/KrumScores.cs", .. _distances, .. _weighing];
    private static readonly string[] _bulyan = [$"{Rules}/BulyanRule.cs", $"{Aggregation}/KrumScores.cs", $"{Rows}/MeanAround.cs", $"{Rows}/TrimmedMean.cs", .. _distances, .. _medians];
    private static readonly string[] _mixedTrimmedMean =
    [
        $"{Rules}/TrimmedMeanRule.cs", $"{Rows}/TrimmedMean.cs", .. _columns, $"{Aggregation}/PreRules/NearestNeighbourMixing.cs", $"{Aggregation}/Indices.cs",
        $"{Aggregation}/PreparedRule.cs", $"{Aggregation}/WeightedSquare.cs", .. _distances, $"{Rows}/WeightedSum.cs",
    ];

    private static readonly string[] _signs = [$"{Rules}/SignMajorityRule.cs", $"{Rows}/SignMajority.cs"];
    private static readonly string[] _buckets = [$"{Aggregation}/BucketedAggregation.cs"];

    /// <summary>What is there for every method: devices, messages, weights, options, and the frame of rules.</summary>
    public static IReadOnlyList<string> Common { get; } =
    [
        "Detox.Gpu/Devices/", "Detox.Gpu/Tables/", "Detox.Gpu/SeededRandom.cs", "Detox.Gpu/UnmovedMemory.cs", "Detox.Mpi/Messaging/", "Detox.Mpi/DetoxException.cs",
        "Detox.Gpu/Kernels/IOp.cs", "Detox.Gpu/Kernels/IKernel.Gpu.cs", "Detox.Gpu/Kernels/IVectorOp.Cpu.cs", "Detox.Gpu/Kernels/Lanes.cs", "Detox.Gpu/Kernels/Lanes.Widths.cs",
        "Detox.Gpu/Kernels/Portable.cs", $"{Rows}/Pass.cs", $"{Rows}/DeviceRows.Gpu.cs", $"{Rows}/Order.cs", $"{Rows}/Prefetch.Cpu.cs",
        $"{Aggregation}/AggregationRule.cs", $"{Aggregation}/PreRule.cs", $"{Aggregation}/RuleWork.cs", $"{Aggregation}/Vectors.cs",
        $"{Training}/Messages.cs", $"{Training}/Outbox.cs", $"{Training}/StepRecord.cs", $"{Training}/StepPatience.cs", $"{Training}/TrainOptions.cs", $"{Training}/Worker.cs",
        $"{Training}/RankTally.cs", $"{Training}/PayloadSource.cs", $"{Training}/VectorSlots.cs", "Detox.Mpi/Checkpoints/RunState.cs", "Detox.Mpi/Attacks/SampleAttack.cs",
    ];

    public static IReadOnlyList<Method> All { get; } =
    [
        new("plain average", [], [], _average),
        new("median", [], [], _median),
        new("multi-krum", ["f"], [], _multiKrum),
        new("bulyan", ["f"], [], _bulyan),
        new("trimmed-mean behind nnm", ["f"], [], _mixedTrimmedMean),
        new("signSGD", ["learning-rate"], [], _signs),
        new("vote only", ["group-size"], _vote, _average),
        new("DETOX: median", ["group-size"], _vote, _median),
        new("DETOX: median of buckets", ["group-size", "buckets"], _vote, [.. _average, .. _buckets, .. _median]),
        new("DETOX: multi-krum", ["group-size", "f"], _vote, _multiKrum),
        new("DETOX: bulyan", ["group-size", "f"], _vote, _bulyan),
        new("DETOX: trimmed-mean behind nnm", ["group-size", "f"], _vote, _mixedTrimmedMean),
        new("DETOX: signSGD", ["group-size", "learning-rate"], _vote, _signs),
    ];

    public override string ToString() => Name;

    /// <summary>Whether a file is one of those, or lies in a folder that is.</summary>
    public static bool IsIn(string file, IEnumerable<string> named) => named.Any(name => name.EndsWith('/') ? file.StartsWith(name, StringComparison.Ordinal) : file == name);
}
