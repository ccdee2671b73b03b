using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Detox.Mpi.Groups;
using Detox.Mpi.Planning;
using Detox.Mpi.Reports;

namespace Detox.Mpi.Commands;

/// <summary>Plans as data. What is not a finite number is null.</summary>
internal static class PlanJson
{
    public static string Write(Scheme scheme, PlanSetting setting, IReadOnlyList<Plan> plans)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteNumber("ranks", scheme.Ranks);
            json.WriteString("placement", setting.Placement);
            json.WriteNumber("fault_rate", setting.FaultRate);
            json.WriteString("model", setting.Workload.Model);
            json.WriteNumber("parameters", setting.Workload.Parameters);
            json.WriteNumber("statistics", setting.Workload.Statistics);
            json.WriteNumber("batch", setting.Batch);
            json.WriteNumber("gradient_flops", setting.Batch * setting.Workload.FlopsASample);
            Write(json, setting);
            json.WriteStartArray("plans");
            foreach (Plan plan in plans) Write(json, plan, setting);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void Write(Utf8JsonWriter json, PlanSetting setting)
    {
        Machine machine = setting.Machine;
        json.WriteStartObject("machine");
        json.WriteString("source", machine.Source);
        json.WriteNumber("gradient_flops_per_second", machine.Gradient);
        json.WriteNumber("ballot_bytes_per_second", machine.Digest);
        json.WriteNumber("rule_operations_per_second", machine.Arithmetic);
        json.WriteNumber("rule_bytes_per_second", machine.Memory);
        json.WriteNumber("link_bytes_per_second", setting.LinkBytes);
        json.WriteNumber("cores", setting.Cores);
        json.WriteNumber("nodes", setting.Nodes);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Plan plan, PlanSetting setting)
    {
        json.WriteStartObject();
        json.WriteNumber("byzantine", plan.Byzantine);
        json.WriteNumber("worst", plan.Worst);
        json.WriteStartArray("schemes");
        foreach (Forecast forecast in plan.All) Write(json, forecast, plan, setting);
        json.WriteEndArray();
        json.WriteStartObject("left_out");
        foreach ((string rule, string why) in plan.Left) json.WriteString(rule, why);
        json.WriteEndObject();
        json.WriteStartObject("advice");
        if (plan.Advice.Best is { } best) json.WriteString("scheme", best.Scheme.Title(best.Told));
        else json.WriteNull("scheme");
        json.WriteString("text", plan.Advice.Text);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Forecast forecast, Plan plan, PlanSetting setting)
    {
        Scheme scheme = forecast.Scheme;
        json.WriteStartObject();
        json.WriteString("scheme", scheme.Title(forecast.Told));
        json.WriteBoolean("asked", forecast == plan.Asked);
        json.WriteNumber("group_size", scheme.GroupSize);
        json.WriteNumber("gradients", scheme.Ranks);
        json.WriteNumber("vectors", scheme.Groups);
        json.WriteNumber("samples", (long)scheme.Groups * setting.Batch);
        json.WriteNumber("relative_variance", forecast.RelativeVariance);
        Write(json, "wrong", forecast.Outcomes.Wrong);
        Write(json, "void", forecast.Outcomes.Void);
        json.WriteNumber("told", forecast.Told);
        json.WriteNumber("withstood", forecast.Withstood);
        json.WriteNumber("broken", forecast.Broken);
        json.WriteBoolean("withstands", forecast.Withstands);
        json.WriteString("refused", forecast.Refused);
        StepLine.WriteFinite(json, "error", forecast.Error);
        json.WriteNumber("vector_bytes", forecast.Traffic.Vectors);
        json.WriteNumber("bytes_in", forecast.Traffic.In);
        json.WriteNumber("bytes_out", forecast.Traffic.Out);
        json.WriteNumber("rule_operations", forecast.Work.Operations);
        json.WriteNumber("rule_bytes", forecast.Work.Bytes);
        json.WriteStartObject("seconds");
        json.WriteNumber("compute", forecast.Seconds.Compute);
        json.WriteNumber("vote", forecast.Seconds.Vote);
        json.WriteNumber("aggregate", forecast.Seconds.Aggregate);
        json.WriteNumber("broadcast", forecast.Seconds.Broadcast);
        json.WriteNumber("total", forecast.Seconds.Total);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, CountLaw law)
    {
        json.WriteStartObject(name);
        json.WriteNumber("mean", law.Mean);
        json.WriteNumber("at_least_one", law.AtLeast(1));
        json.WriteNumber("first", law.First);
        json.WriteStartArray("probabilities");
        foreach (double probability in law.Probabilities) json.WriteNumberValue(probability);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
