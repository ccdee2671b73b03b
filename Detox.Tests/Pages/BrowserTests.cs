using Detox.Mpi.Pages;

namespace Detox.Tests.Pages;

/// <summary>The pages in a browser, at the width of a phone and of a desk, in the light and in the dark.</summary>
/// <remarks>Their pictures stay in the folder pages beside the tests, to be looked at.</remarks>
public sealed class BrowserTests
{
    private const int Height = 900;

    // Letters of neighbouring labels may touch by their line spacing.
    private const string OverlappingLabels = """
        const all = [];
        for (const svg of document.querySelectorAll('svg')) {
          const boxes = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim()).map(t => ({ r: t.getBoundingClientRect(), s: t.textContent.trim() }));
          for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
            const a = boxes[i].r, b = boxes[j].r;
            const w = Math.min(a.right, b.right) - Math.max(a.left, b.left), h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (w > 1 && h > 0.35 * Math.min(a.height, b.height)) all.push(svg.getAttribute('aria-label') + ': ' + boxes[i].s + ' / ' + boxes[j].s);
          }
        }
        return all;
        """;

    private const string LabelsOutside = """
        const all = [];
        for (const svg of document.querySelectorAll('svg')) {
          const box = svg.getBoundingClientRect();
          for (const t of svg.querySelectorAll('text')) {
            const r = t.getBoundingClientRect();
            if (t.textContent.trim() && (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1)) all.push(svg.getAttribute('aria-label') + ': ' + t.textContent.trim());
          }
        }
        return all;
        """;

    private const string Contrast = """
        const light = c => { const v = c.match(/[0-9.]+/g).slice(0, 3).map(x => x / 255).map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
        const style = getComputedStyle(document.body), a = light(style.color), b = light(style.backgroundColor);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        """;

    private static readonly Lazy<(string Run, string Sweep)> _pages = new(Make);
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void Start() => _browser = new Browser();

    [OneTimeTearDown]
    public void Stop() => _browser?.Dispose();

    [Test]
    public void APageCanBeReadAtEveryWidthInEveryScheme([Values("run", "sweep")] string page, [Values(390, 1280)] int width, [Values("light", "dark")] string scheme)
    {
        Open(page, width, scheme);
        _browser.Save(Path.Combine(TestContext.CurrentContext.WorkDirectory, "pages", $"{page}-{width}-{scheme}.png"));
        Assert.Multiple(() =>
        {
            Assert.That(_browser.Run("return document.documentElement.scrollWidth").GetInt32(), Is.LessThanOrEqualTo(width), "the page itself never scrolls sideways");
            Assert.That(Texts(OverlappingLabels), Is.Empty);
            Assert.That(Texts(LabelsOutside), Is.Empty);
            Assert.That(_browser.Run("return [...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().width < 250).length").GetInt32(), Is.Zero, "pictures that are too small");
            Assert.That(_browser.Run(Contrast).GetDouble(), Is.GreaterThan(7));
            Assert.That(_browser.Run("return performance.getEntriesByType('resource').length").GetInt32(), Is.Zero, "nothing is fetched");
            Assert.That(_browser.Run("return matchMedia('(prefers-color-scheme: dark)').matches").GetBoolean(), Is.EqualTo(scheme == "dark"));
        });
    }

    [Test]
    public void LabelsTakeTheColoursOfTheScheme()
    {
        Open("run", 1280, "light");
        string light = Ink();
        Open("run", 1280, "dark");
        Assert.That(Ink(), Is.Not.EqualTo(light).And.EqualTo(_browser.Run("return getComputedStyle(document.body).color").GetString()));

        string Ink() => _browser.Run("return getComputedStyle(document.querySelector('svg text')).fill").GetString()!;
    }

    /// <summary>Whether what lies on top at a marker is the place that has its text.</summary>
    [Test]
    public void AFaultShowsItsParameterWhereThePointerIs()
    {
        Open("run", 1280, "light");
        string[] shown = Texts("""
            const places = [...document.querySelectorAll('svg[aria-label="Who was wrong, and when"] .hover')];
            return places.map(place => {
              place.scrollIntoView({ block: 'center' });
              const box = place.getBoundingClientRect();
              return document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2).querySelector('title')?.textContent ?? '';
            });
            """);
        RunFacts run = RunReader.Read(SampleSweep.Run);
        foreach (BlameFacts blame in run.Blames)
            Assert.That(shown, Has.Some.StartsWith($"rank {blame.Blame.Rank} on ").And.Some.Contains($"step {blame.Blame.Step}: ").And.Some.Contains(blame.Parameter));
    }

    private void Open(string page, int width, string scheme) => _browser.Open(page == "run" ? _pages.Value.Run : _pages.Value.Sweep, width, Height, scheme);

    private string[] Texts(string script) => [.. _browser.Run(script).EnumerateArray().Select(text => text.GetString()!)];

    private static (string Run, string Sweep) Make()
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "reports", Guid.NewGuid().ToString("N"));
        string run = Path.Combine(folder, "run"), sweep = Path.Combine(folder, "sweep");
        Report.Of(RunReader.Read(SampleSweep.Run)).Write(run);
        Report.Of(SweepReader.Read(SampleSweep.Folder)).Write(sweep);
        return (Path.Combine(run, Report.PageFile), Path.Combine(sweep, Report.PageFile));
    }
}
