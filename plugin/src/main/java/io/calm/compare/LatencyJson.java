package io.calm.compare;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.compare.StepShape.Phase;
import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Latency reports as JSON. Numbers that are not finite become null. */
public final class LatencyJson {
  private LatencyJson() {}

  /** Returns the answer of {@code GET /calm/models/{m}/latency}. */
  public static JsonObject of(LatencyReport report) {
    JsonObject twin = new JsonObject();
    twin.addProperty("setting", report.twin().setting());
    twin.addProperty("variant", report.twin().variant());
    twin.addProperty("identical", report.twin().identical());
    twin.addProperty("state", report.twin().state().text());
    twin.addProperty("reason", report.twin().reason());
    JsonObject shadow = new JsonObject();
    shadow.addProperty("share", report.shadow().share());
    shadow.add("served", requests(report.shadow().served()));
    shadow.add("uniform", requests(report.shadow().uniform()));
    JsonObject object = new JsonObject();
    object.addProperty("model", report.model());
    object.addProperty("variant", report.variant());
    object.addProperty("artifact", report.artifact());
    object.add("baseline", twin);
    object.add(
        "machine",
        report.machine().<JsonElement>map(LatencyJson::machine).orElse(JsonNull.INSTANCE));
    object.add("probe", probe(report.probe()));
    object.add("shadow", shadow);
    return object;
  }

  private static JsonObject probe(LatencyReport.Probe probe) {
    JsonObject object = new JsonObject();
    object.addProperty("state", probe.state().text());
    object.addProperty("reason", probe.reason());
    object.add(
        "finished",
        probe
            .finished()
            .<JsonElement>map(time -> new JsonPrimitive(time.toString()))
            .orElse(JsonNull.INSTANCE));
    object.add(
        "build", probe.build().<JsonElement>map(LatencyJson::build).orElse(JsonNull.INSTANCE));
    object.addProperty("seconds", probe.seconds());
    object.add("rows", rows(probe.rows()));
    return object;
  }

  static JsonArray rows(List<ProbeRow> rows) {
    JsonArray array = new JsonArray();
    for (ProbeRow row : rows) {
      JsonObject object = new JsonObject();
      object.addProperty("phase", row.phase().text());
      object.addProperty("sequences", row.sequences());
      object.addProperty("steps", row.steps());
      object.addProperty("openings", row.openings());
      object.add("served", quantiles(row.served(), "_ms"));
      object.add("uniform", quantiles(row.uniform(), "_ms"));
      object.addProperty("deviation_percent", row.deviation().percent());
      object.add("low_percent", number(row.deviation().low()));
      object.add("high_percent", number(row.deviation().high()));
      array.add(object);
    }
    return array;
  }

  /**
   * Reads rows.
   *
   * @throws RuntimeException if the array has another form
   */
  static List<ProbeRow> rows(JsonArray array) {
    List<ProbeRow> rows = new ArrayList<>();
    for (JsonElement element : array) {
      JsonObject row = element.getAsJsonObject();
      rows.add(
          new ProbeRow(
              Phase.valueOf(row.get("phase").getAsString().toUpperCase(Locale.ROOT)),
              row.get("sequences").getAsInt(),
              row.get("steps").getAsInt(),
              row.get("openings").getAsInt(),
              quantiles(row.getAsJsonObject("served")),
              quantiles(row.getAsJsonObject("uniform")),
              new Deviation(
                  row.get("deviation_percent").getAsDouble(),
                  number(row.get("low_percent")),
                  number(row.get("high_percent")))));
    }
    return rows;
  }

  private static JsonObject requests(LatencyReport.Requests requests) {
    JsonObject object = new JsonObject();
    object.addProperty("requests", requests.requests());
    object.add("time_to_first_token", quantiles(requests.firstToken(), "_ms"));
    object.add("inter_token", quantiles(requests.interToken(), "_ms"));
    object.add("tokens_per_second", quantiles(requests.tokensPerSecond(), ""));
    return object;
  }

  private static JsonObject quantiles(Quantiles quantiles, String unit) {
    JsonObject object = new JsonObject();
    object.addProperty("count", quantiles.count());
    object.add("mean" + unit, number(quantiles.mean()));
    object.add("p50" + unit, number(quantiles.p50()));
    object.add("p90" + unit, number(quantiles.p90()));
    object.add("p99" + unit, number(quantiles.p99()));
    return object;
  }

  private static Quantiles quantiles(JsonObject object) {
    return new Quantiles(
        object.get("count").getAsLong(),
        object.get("mean_ms").getAsDouble(),
        object.get("p50_ms").getAsDouble(),
        object.get("p90_ms").getAsDouble(),
        object.get("p99_ms").getAsDouble());
  }

  private static double number(JsonElement value) {
    return value.isJsonNull() ? Double.NaN : value.getAsDouble();
  }

  private static JsonElement number(double value) {
    return Double.isFinite(value) ? new JsonPrimitive(value) : JsonNull.INSTANCE;
  }

  /** Returns a version and its commit, or {@code unknown}. */
  public static JsonObject build(BuildInfo build) {
    JsonObject object = new JsonObject();
    object.addProperty("version", build.version());
    object.addProperty("commit", build.commitText());
    return object;
  }

  /** Returns a machine. */
  public static JsonObject machine(MachineInfo machine) {
    JsonObject object = new JsonObject();
    object.addProperty("processor", machine.processor());
    object.addProperty("processors", machine.processors());
    object.addProperty("kernel", machine.kernel());
    object.addProperty("os", machine.os());
    object.addProperty("architecture", machine.architecture());
    object.addProperty("memory_bytes", machine.memoryBytes());
    object.addProperty("jvm", machine.jvm());
    return object;
  }

  private static MachineInfo machine(JsonObject object) {
    return new MachineInfo(
        object.get("processor").getAsString(),
        object.get("processors").getAsInt(),
        object.get("kernel").getAsString(),
        object.get("os").getAsString(),
        object.get("architecture").getAsString(),
        object.get("memory_bytes").getAsLong(),
        object.get("jvm").getAsString());
  }

  static JsonObject of(ProbeResult result) {
    JsonObject object = new JsonObject();
    object.add("machine", machine(result.machine()));
    object.addProperty("threads", result.threads());
    object.addProperty("weights", result.weights());
    object.addProperty("version", result.version());
    result.commit().ifPresent(commit -> object.addProperty("commit", commit));
    object.addProperty("finished", result.finished().toString());
    object.addProperty("seconds", result.seconds());
    object.add("rows", rows(result.rows()));
    return object;
  }

  /**
   * Reads a result.
   *
   * @throws RuntimeException if the object has another form
   */
  static ProbeResult result(JsonObject object) {
    return new ProbeResult(
        machine(object.getAsJsonObject("machine")),
        object.get("threads").getAsInt(),
        object.get("weights").getAsString(),
        object.get("version").getAsString(),
        Optional.ofNullable(object.get("commit")).map(JsonElement::getAsString),
        Instant.parse(object.get("finished").getAsString()),
        object.get("seconds").getAsDouble(),
        rows(object.getAsJsonArray("rows")));
  }
}
