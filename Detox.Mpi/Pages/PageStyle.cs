namespace Detox.Mpi.Pages;

/// <summary>How a page looks: on a phone as on a desk, in the light as in the dark, on paper.</summary>
internal static class PageStyle
{
    private const string Rules = """
        * { box-sizing: border-box; }
        body { margin: 0 auto; padding: 16px; max-width: 1280px; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "DejaVu Sans", Verdana, sans-serif; }
        h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 8px; overflow-wrap: anywhere; }
        h2 { font-size: 1.15rem; margin: 32px 0 8px; }
        p { margin: 0 0 12px; max-width: 75ch; }
        .warning { border-left: 4px solid var(--c1); padding-left: 12px; }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 16px; }
        figure { margin: 0; padding: 8px; border: 1px solid var(--soft); border-radius: 6px; min-width: 0; }
        figure.wide { grid-column: 1 / -1; }
        figcaption { font-size: 0.875rem; padding: 4px; }
        figure svg { display: block; width: 100%; height: auto; margin: 0 auto; }
        .hover { fill: transparent; }
        .hover:hover { fill: none; stroke: var(--ink); }
        .scroll { overflow-x: auto; margin: 0 0 16px; }
        table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
        caption { text-align: left; font-weight: 600; padding: 4px 0; }
        th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--soft); text-align: left; vertical-align: top; }
        td { max-width: 60ch; overflow-wrap: break-word; }
        td:last-child:not(.number) { min-width: 14em; overflow-wrap: anywhere; }
        th.number, td.number { text-align: right; white-space: nowrap; }
        summary { cursor: pointer; font-weight: 600; padding: 8px 0; }
        footer { margin-top: 32px; font-size: 0.875rem; }
        @media print { body { max-width: none; } figure { break-inside: avoid; } }

        """;

    /// <summary>Text of 7 to 1 and more on its paper in either scheme.</summary>
    public static string Css
    {
        get
        {
            string light = $":root {{ color-scheme: light dark; --paper: #FFFFFF; --ink: {ChartStyle.Ink}; --soft: {ChartStyle.Soft}; {Colours(colour => colour.Light)} }}\n";
            string dark = $"@media (prefers-color-scheme: dark) {{ :root {{ --paper: #14171B; --ink: #E6E9ED; --soft: #3A414A; {Colours(colour => colour.Dark)} }} }}\n";
            return light + dark + Rules;
        }
    }

    /// <summary>Charts that are wider than a phone keep their size there, and scroll.</summary>
    public static string LeastWidth(Chart chart) => chart.IsWide ? $"min-width:{chart.Width * 3 / 4}px;max-width:{chart.Width * 5 / 4}px" : $"max-width:{chart.Width * 3 / 2}px";

    private static string Colours(Func<(string Light, string Dark), string> of) => string.Join(' ', ChartStyle.Colours.Select((colour, i) => $"--c{i}: {of(colour)};"));
}
