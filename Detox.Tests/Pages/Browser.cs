using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Detox.Tests.Messaging;

namespace Detox.Tests.Pages;

/// <summary>Debian's Chromium without a window, driven over WebDriver (W3C 2018).</summary>
internal sealed class Browser : IDisposable
{
    private const string Chromium = "chromium", Driver = "chromedriver";
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);
    private readonly Process _driver;
    private readonly HttpClient _http;
    private readonly string _session;

    /// <summary>Ignores the test where there is none; in CI that is a failure.</summary>
    public Browser()
    {
        if (!MpiRunner.IsOnPath(Chromium) || !MpiRunner.IsOnPath(Driver)) MpiRunner.Lack($"{Chromium} or {Driver} is not on PATH; apt install chromium-driver");
        _driver = Process.Start(new ProcessStartInfo(Driver, ["--port=0"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        try
        {
            _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{Port(_driver.StandardOutput)}/"), Timeout = _limit };
            string[] arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];
            Dictionary<string, object> chrome = new() { ["goog:chromeOptions"] = new { args = arguments } };
            _session = Post("session", new { capabilities = new { alwaysMatch = chrome } }).GetProperty("sessionId").GetString()!;
        }
        catch
        {
            Stop();
            throw;
        }
    }

    /// <summary>Opens a file in a window of so many pixels, in a colour scheme.</summary>
    public void Open(string file, int width, int height, string scheme)
    {
        DevTools("Emulation.setDeviceMetricsOverride", new { width, height, deviceScaleFactor = 1, mobile = false });
        DevTools("Emulation.setEmulatedMedia", new { features = (object[])[new { name = "prefers-color-scheme", value = scheme }] });
        Post($"session/{_session}/url", new { url = new Uri(Path.GetFullPath(file)).AbsoluteUri });
    }

    /// <summary>What a function's body returns.</summary>
    public JsonElement Run(string script) => Post($"session/{_session}/execute/sync", new { script, args = Array.Empty<object>() });

    /// <summary>The whole page as a PNG.</summary>
    public void Save(string file)
    {
        JsonElement picture = DevTools("Page.captureScreenshot", new { captureBeyondViewport = true });
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, picture.GetProperty("data").GetBytesFromBase64());
    }

    public void Dispose()
    {
        try
        {
            using HttpResponseMessage _ = _http.DeleteAsync($"session/{_session}").Result;
        }
        finally
        {
            _http.Dispose();
            Stop();
        }
    }

    private JsonElement DevTools(string cmd, object @params) => Post($"session/{_session}/goog/cdp/execute", new { cmd, @params });

    private JsonElement Post(string path, object body)
    {
        // The driver takes no body in chunks: one that says its length.
        using StringContent content = new(JsonSerializer.Serialize(body), System.Text.Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = _http.PostAsync(path, content).Result;
        JsonElement value = answer.Content.ReadFromJsonAsync<JsonElement>().Result.GetProperty("value");
        Assert.That(answer.IsSuccessStatusCode, Is.True, $"{path}: {value}");
        return value;
    }

    private void Stop()
    {
        _driver.Kill(entireProcessTree: true);
        _driver.WaitForExit();
        _driver.Dispose();
    }

    /// <summary>"ChromeDriver was started successfully on port 40123."</summary>
    private static int Port(StreamReader output)
    {
        const string before = "successfully on port ";
        while (output.ReadLine() is { } line)
            if (line.IndexOf(before, StringComparison.Ordinal) is >= 0 and int at) return int.Parse(line[(at + before.Length)..].TrimEnd('.'), System.Globalization.CultureInfo.InvariantCulture);
        throw new AssertionException($"{Driver} has not started");
    }
}
