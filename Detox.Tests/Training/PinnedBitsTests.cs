using Detox.Gpu;
using Detox.Mpi.Training;
using Detox.Tests.Data;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>Small runs with the digest of what they end in, so that a change of bits is a decision and not an accident.</summary>
/// <remarks>The digest is over weights and running statistics. A row that fails prints the digest to put in its place; whoever
/// does so says in the commit why the bits change. The bits are those of any processor, vector width and thread count.</remarks>
public sealed class PinnedBitsTests
{
    /// <summary>What every row begins with; a row's own options come after and win.</summary>
    private const string Base = "--ranks 9 --byzantine 0 --attack none --model softmax --batch 4 --steps 3 --evaluate-every 0 --device cpu";

    /// <summary>Stands for the folder of a dozen colour images, which every epoch shuffles and varies anew.</summary>
    private const string Images = "IMAGES";

    // In a captured group the attack's own bits reach the weights, unless its members disagree: those attacks work alone.
    private const string Captured = "--placement worst --byzantine 2 --across mean";
    private const string Alone = "--placement worst --byzantine 2 --across mean --group-size 1";

    private static readonly (string Name, string Options, string Sha256)[] _runs =
    [
        ("softmax", "--steps 5",
            "a91a7327e609507a5d506335e4038659077092888d3e1ac40e28e89b8f65dc5b"),
        ("mlp", "--model mlp",
            "ace354333197c7a4c5cdb95b7f2dab6532019a8e6cc2c5a9e46fa36d21a063b4"),
        ("lenet", "--model lenet",
            "ddfcca84fd845e61888ae10696061e43d31bd73ef81ec9724dbe8168159c7d77"),
        ("resnet18", $"--model resnet18 --data {Images} --ranks 3 --group-size 1 --batch 2 --steps 2",
            "b77edd55cd8431c762c61363a71a48dcdd81771057e858d8a7f89339f58a61fe"),
        ("vgg13-bn", $"--model vgg13-bn --data {Images} --augment none --ranks 3 --group-size 3 --batch 2 --steps 2 --weight-decay 0.01 --weight-decay-on weights",
            "34f368670e3de0d834fde355d4b31ddee30630460632697d8475612b84ff8b60"),

        ("mean", "--group-size 1 --across mean",
            "1ca64c3b11d9a96716b7fc5dd4fa72b8e39e3f6fff697d1c4b080ed25497493e"),
        ("median of an even number", "--ranks 12 --across median",
            "1c8bbb5d5154ec5cbc14d1c8f14787b73263243a1c7a57f7b13f4aac2b777ac7"),
        ("geometric-median", "--group-size 1 --across geometric-median",
            "4b467bcb7fc1e024122599db243e48ac16a0c39f47289977baa3ffe3b45fd20d"),
        ("krum", "--group-size 1 --byzantine 2 --across krum",
            "b096677978d031959115db6e0aee76c912dfb20c1b34e79e1e275df50d4f05ae"),
        ("multi-krum", "--group-size 1 --byzantine 2 --across multi-krum",
            "32507ad7728ee7dc6f5b1fee00671b29a21bfe4d2ef9e85a3ca2518da5eacdd1"),
        ("multi-krum, select", "--group-size 1 --across multi-krum(f=1,select=3)",
            "55dca2471abdd1bf3be299151426e0cd71cf5fe6d8736a4950908b0a05338212"),
        ("bulyan", "--group-size 1 --byzantine 1 --across bulyan",
            "b922101791de237b0f4d36bd40d166179b5605a2a5373bc8c535ba8304123057"),
        ("sign-majority", "--group-size 1 --across sign-majority --learning-rate 0.001",
            "a0e22025d187e7efe87ec12f814f543c91c2bb6594b79c1e27255cb6730006f9"),

        ("buckets, mean, median", "--ranks 18 --group-size 1 --buckets 4 --within mean --across median",
            "239e203a07483cd235d0c5574d0a98ea1a299a6dc73b0246e6545aa303bbe84f"),
        ("buckets of groups", "--ranks 18 --buckets 4 --within mean --across krum(f=0)",
            "70accb7b0d98ee97a731479dc34b5d22648dfb6e2b08eda4a82e29559400e0db"),
        ("buckets, median, mean", "--ranks 18 --group-size 1 --buckets 3 --within median --across mean",
            "48977f5529fe1a1b7daa562d92090c0c1c10208f7ab019bea6be6917ba122e6a"),
        ("buckets, krum, geometric-median", "--ranks 18 --group-size 1 --buckets 3 --within krum(f=1) --across geometric-median",
            "8d935e2301498d556727edc51311dbc47b182b9b83f7a4f74e58828e30d660cc"),
        ("buckets, multi-krum, mean", "--ranks 18 --group-size 1 --buckets 2 --within multi-krum(f=1) --across mean",
            "6b4c26d2c7133d3601a45ee5889c7d23d693e6d1167cf2f812476b37d3434544"),
        ("buckets, geometric-median, multi-krum", "--ranks 18 --group-size 1 --buckets 5 --within geometric-median --across multi-krum(f=1)",
            "df4ddb69a10d70ff7953acf042788e06a56eda1a3c63362eaebc649022897d95"),
        ("buckets, bulyan, median", "--ranks 18 --group-size 1 --buckets 2 --within bulyan(f=1) --across median",
            "ed46d4ed7b39180b353659d46b9ddabcaca8ea79f941c58fd3756601ac99e2fd"),
        ("buckets, sign-majority, mean", "--ranks 18 --group-size 1 --buckets 3 --within sign-majority --across mean --learning-rate 0.001",
            "ec116188a1a2483057ddb4a3f9a765a70ab3a47ff9384fd00c9be16a1e7a16a5"),

        ("reverse", $"--attack reverse(scale=3) {Captured}",
            "9961c25bfadb9b0ccc5a6c1d4ebcaaa3e62552fe2b1eb12c3856d95c281bf868"),
        ("constant", $"--attack constant(value=-0.5) {Captured}",
            "f1557d0542fa4db391bbc9abd18adb4333691646240db06e5dbd30a3596aa103"),
        ("alie", $"--attack alie {Captured}",
            "a46262a879612796ed910fe370348a8aaaff8dc9f8dfe5841d7d78d0bc1ed7ca"),
        ("alie, z", $"--attack alie(z=1.5) {Captured} --byzantine 4 --ranks 15",
            "35e6edd5a1c65bdaa90ea68718dddaf00e7678f764d953b1eb12bd94fd616ad4"),
        ("alie, max", $"--attack alie(z=max,ddof=1) {Captured} --byzantine 4 --ranks 15",
            "f33daa643d541f5e6f044f8036c25707532ceafc36dbc3a281a2730eef7a2b62"),
        ("sign-flip", $"--attack sign-flip {Captured}",
            "6695f46527e6956f969f810bdcb9ffa4892f6a79d65a47a0f6a0c26b1c5d4dc7"),
        ("ipm", $"--attack ipm {Captured}",
            "72cd36b155b0bf62113e8c9c8f98f43bae05c28ef8f5b59a9baecd0641845d43"),
        ("opt-ipm", $"--attack opt-ipm {Captured} --across median",
            "ec014ee12fe69fc86353309cee44fe429dc5692d8acaf051088b26d493ab1f0a"),
        ("opt-alie", $"--attack opt-alie {Captured} --ranks 15 --buckets 3 --across median",
            "587f64f4541538e1125dc31eb85d2d3a52b0ec66b118193ca51ddaf7b98dfada"),
        ("mimic", $"--attack mimic(row=1) {Captured}",
            "646dc68228e360d2c19b9e0c8bde634cedc8db892b9cd72a05bbafaeb3fda852"),
        ("min-max", $"--attack min-max {Captured}",
            "660e90d1575bd797351b5d082fa4db57496e5766deb8bb1e4817b9cd26448c5d"),
        ("min-sum", $"--attack min-sum {Captured}",
            "259165c6e8313ca8004e81e0ccb788e77aa6610e30ed5bcaf5cf2127d0e0c988"),
        ("fang", $"--attack fang {Captured}",
            "41562344457f6b59a665408529c3dcc6f1061d1b32eb2f2f4045663dd14d8e38"),
        ("gaussian", $"--attack gaussian(sigma=0.1) {Captured}",
            "89fe93cd33f74d23d8c7047a3de6aee218cc839bced87c486e947e65bcdf47b0"),
        ("label-flip", $"--attack label-flip {Captured}",
            "79567ef7469be9115e9019d9e71d627b32b555de7f897bbe9883d2ea8a044c01"),
        ("lazy", $"--attack lazy(share=0.75) {Captured}",
            "c43619d2f21c0879068f76d3e715609159d6e9fe145de0d5e86087ca9a388d02"),
        ("stuck", $"--attack stuck {Captured}",
            "35511ece60f76915dd01e9d6502fbc5d2b82fbf487e1f6ad4de4d9fcfa6b552f"),
        ("capture", "--attack capture(scale=2) --byzantine 3 --across mean",
            "0226b96e671e00d81689beb5d43592a8f9f3d105f061ca9c624a636a2b1e7a98"),
        ("bit-flip", $"--attack bit-flip {Alone}",
            "97eb2aac1eff1aa8bf5cb868fb88539d006eb944d6cecbabc4680b27f2e96bae"),
        ("nan", $"--attack nan {Captured}",
            "e587c8eed84615a8b2ffbaf7c8257151b0031acfa681a9f960e3020b465f403e"),
        ("silent", $"--attack silent {Alone}",
            "968eed8ae43b12f3154cb9273949f5ea3f39478c74779c101107a554e89931b7"),
        ("equivocate", $"--attack equivocate {Alone} --byzantine 3",
            "66159cda23233e980b416a3096a4bf06124826a3b45252525dae5fba56fcd857"),

        ("placement random", "--attack reverse(scale=3) --placement random --byzantine 4 --across mean --steps 5",
            "bf44659784e90858041135f0cdc1b4aa9a91abb5f423d99eb8219e58e6dec264"),
        ("placement fixed", "--attack reverse(scale=3) --placement fixed --byzantine 5 --across mean",
            "dd99ac134507711c4a7b324779c999a82fb09df2a3123b5c969c2442e1f20cef"),
        ("group size 5", "--ranks 15 --group-size 5 --attack constant(value=0.2) --placement random --byzantine 7 --across mean",
            "2270a9d8e6c5c462ff8d7c0ab85d59c1d0950db0b9306c7d9a3b4805940a43a6"),
        ("void skipped", "--attack nan --placement random --byzantine 4 --across mean --on-void skip --ballot xxh128",
            "19e8973b9880942944ad2e2f635411825793b25ec0e2d2bee703cd3597f48068"),
        ("void computed again", "--attack bit-flip --ranks 15 --placement random --byzantine 6 --across mean --on-void recompute",
            "139e6b4e7de8dfb53330d2d9fc661195b0b06a83fb07580c342d7bd9bc8bee64"),

        ("cosine", "--steps 7 --schedule cosine --warm-up 2",
            "1cc876758d9cf110cd5826f4decfadfc8d6ae9975597503b2ec8795184653421"),
        ("step", "--steps 7 --schedule step(every=2,factor=0.5) --warm-up 1",
            "b664de0c9f34604571401887b86355122c7ca5821395fb04661aa4df9b5116e7"),
        ("momentum", "--momentum 0.5 --learning-rate 0.1 --steps 5",
            "c10a9731b7bec92aa67770e43b3e4ec6bd3f184e0e3bbb2244389d365c13f155"),
        ("decay of all", "--model mlp --batch 2 --momentum 0 --weight-decay 0.1",
            "6d94f5a52d4ce2a70497997ae30def98e01725021877b08629a11cc9acde6a41"),
        ("decay of weights", "--model mlp --batch 2 --momentum 0 --weight-decay 0.1 --weight-decay-on weights",
            "b997f0b4b05dbad0ff0ebe2dbf86548c652c1cb59f03cf7cd2fd697f1955c036"),
        ("objects, varied", "--data objects --augment cifar",
            "123e058b05cdec7dc1837eb1cac81853140532ab403fe964af748e31c75485a6"),
        ("another seed", "--attack reverse(scale=3) --placement random --byzantine 4 --across mean --seed 18446744073709551615",
            "d7293a7fbbb082361907bff722eee1bb0799c44a70dbc7a75e02c16dc165438d"),
    ];

    private TempFolder _images = null!;

    private static IEnumerable<TestCaseData> Runs() => _runs.Select(run => new TestCaseData(run.Name, run.Options, run.Sha256).SetArgDisplayNames(run.Name));

    [OneTimeSetUp]
    public void WriteImages()
    {
        _images = new TempFolder();
        SeededRandom random = new(1);
        byte[] Records(int count)
        {
            byte[] records = new byte[count * 3073];
            for (int i = 0; i < records.Length; i++) records[i] = (byte)(i % 3073 == 0 ? i / 3073 % 10 : random.NextInt(256));
            return records;
        }

        _images.Write("data_batch_1.bin", Records(12));
        _images.Write("test_batch.bin", Records(2));
    }

    [OneTimeTearDown]
    public void Delete() => _images.Dispose();

    [TestCaseSource(nameof(Runs))]
    public void ARunEndsInItsPinnedBits(string name, string options, string sha256)
    {
        string found = TrainInProcess.Run(Read($"{Base} {options}".Replace(Images, _images.Path))).Weights;
        if (found != sha256) Assert.Fail($"'{name}' ends in other bits than it did.\nThe run: {options}\nexpected: {sha256}\nfound:    {found}");
    }

    /// <summary>A row that repeats another one's bits pins nothing of its own.</summary>
    [Test]
    public void EveryRowHasBitsOfItsOwn() => Assert.That(_runs.Select(run => run.Sha256), Is.Unique);

    private static TrainOptions Read(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        TrainOptions options = new();
        for (int i = 0; i < words.Length; i += 2)
            options = TrainOption.All.Single(option => $"--{option.Name}" == words[i]).Set(options, words[i + 1], words[i]);
        return options;
    }
}
