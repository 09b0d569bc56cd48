package io.calm.testing;

import io.calm.artifact.ArtifactKey;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.cka.Metric;
import io.calm.compare.TwinComparison;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.report.ReportSource;
import io.calm.search.QuantPlan;
import io.calm.serving.model.CheckpointParts;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ServedModel;
import io.calm.settings.CalmSettings;
import io.calm.tensor.TableFormat;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/** Served models whose decoder is a {@link ScriptedDecoder}. */
public final class ScriptedModels {
  /** What the HTTP contract expects. */
  public static final int CONTEXT = 4096;

  private ScriptedModels() {}

  /** Returns the model of the HTTP contract. */
  public static ServedModel create(String name) {
    return builder(name).build();
  }

  /** Returns a builder whose defaults make the model of the HTTP contract. */
  public static Builder builder(String name) {
    return new Builder(name);
  }

  /** A builder of scripted models. */
  public static final class Builder {
    private final String name;
    private SchedulerSettings scheduling = new SchedulerSettings(CONTEXT, 1024, 16, 64, 256);
    private LmiOptions lmi = LmiOptions.DEFAULT;
    private Optional<Duration> requestTimeout = ServedModel.Limits.DEFAULT.requestTimeout();
    private Duration slowReaderTimeout = ServedModel.Limits.DEFAULT.slowReaderTimeout();
    private Duration drainTimeout = ServedModel.Limits.DEFAULT.drainTimeout();
    private LongSupplier nanoClock = System::nanoTime;
    private String served = "calm";

    private Builder(String name) {
      this.name = name;
    }

    /** Sets the scheduler's settings; the decoder has their context. */
    public Builder scheduling(SchedulerSettings value) {
      scheduling = value;
      return this;
    }

    public Builder lmi(LmiOptions value) {
      lmi = value;
      return this;
    }

    public Builder requestTimeout(Duration value) {
      requestTimeout = Optional.of(value);
      return this;
    }

    public Builder slowReaderTimeout(Duration value) {
      slowReaderTimeout = value;
      return this;
    }

    public Builder drainTimeout(Duration value) {
      drainTimeout = value;
      return this;
    }

    /** Sets the plan that is served: {@code calm}, or {@code uniform-NAME} of its algorithms. */
    public Builder served(String value) {
      served = value;
      return this;
    }

    /** Sets the scheduler's clock. */
    public Builder nanoClock(LongSupplier value) {
      nanoClock = value;
      return this;
    }

    public ServedModel build() {
      ServedModel.Limits limits =
          new ServedModel.Limits(
              OptionalInt.empty(), requestTimeout, slowReaderTimeout, drainTimeout);
      return model(name, scheduling, lmi, limits, nanoClock, plan(served));
    }
  }

  private static ServedModel model(
      String name,
      SchedulerSettings settings,
      LmiOptions lmi,
      ServedModel.Limits limits,
      LongSupplier nanoClock,
      QuantPlan plan) {
    ScriptedDecoder decoder = new ScriptedDecoder(settings.maxContext());
    return new ServedModel(
        source(name, decoder.spec(), plan),
        new CheckpointParts(
            decoder.spec(),
            new ByteTokenizer(),
            Optional.of(
                (messages, addGenerationPrompt) -> {
                  StringBuilder text = new StringBuilder();
                  for (Map<String, Object> message : messages) {
                    if (!List.of("system", "user", "assistant").contains(message.get("role"))) {
                      throw new IllegalArgumentException("unknown role " + message.get("role"));
                    }
                    text.append(message.get("role")).append(": ").append(content(message));
                    text.append('\n');
                  }
                  return text + (addGenerationPrompt ? "assistant|" : "|");
                }),
            new GenerationDefaults(
                OptionalInt.of(ByteTokenizer.BEGIN),
                Set.of(ByteTokenizer.END),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalInt.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty())),
        Scheduler.start(name, decoder, settings, nanoClock),
        limits,
        lmi,
        Instant.EPOCH.plusSeconds(1_700_000_000),
        TwinComparison.none());
  }

  /** Returns a message's text; its parts stand on lines of their own, as in most templates. */
  private static String content(Map<String, Object> message) {
    return message.get("content") instanceof List<?> parts
        ? parts.stream()
            .map(part -> String.valueOf(((Map<?, ?>) part).get("text")))
            .collect(Collectors.joining("\n"))
        : String.valueOf(message.get("content"));
  }

  /** Returns the facts of a model whose artifact and cache do not exist. */
  public static ReportSource source(String name, ModelSpec spec) {
    return source(name, spec, plan("calm"));
  }

  private static ReportSource source(String name, ModelSpec spec, QuantPlan plan) {
    return new ReportSource(
        name,
        "file:/models/" + name,
        "/models/" + name,
        CalmSettings.of(Map.of("calm.cache-dir", "/nonexistent/calm"), Map.of()),
        new ArtifactKey(List.of("ab".repeat(32)), "calm.algorithm=search", "self"),
        Path.of("/nonexistent/calm/artifacts/none"),
        1000,
        Instant.EPOCH.plusSeconds(1_600_000_000),
        spec,
        plan);
  }

  private static QuantPlan plan(String served) {
    QuantPlan.Candidate good =
        new QuantPlan.Candidate(
            0.999, 0.9991, 0.01, 0.02, 1.5, Optional.empty(), Map.of("alpha", "0.5"));
    QuantPlan.Candidate bad =
        new QuantPlan.Candidate(
            Double.NaN,
            Double.NaN,
            Double.NaN,
            Double.NaN,
            0.5,
            Optional.of("Cholesky failed"),
            Map.of());
    return new QuantPlan(
        List.of(
            new QuantPlan.BlockChoice(0, "awq", "highest score", Map.of("awq", good, "gptq", bad))),
        List.of("awq", "gptq"),
        served,
        "the mix is not worse than uniform awq",
        64,
        Metric.CKA,
        2,
        8,
        1,
        3,
        100,
        Optional.empty(),
        QuantPlan.Head.given(TableFormat.INT8, "calm.lm-head=int8"),
        new QuantPlan.Calibration("self", 24, 6, 24, 256, 0, List.of(List.of(1, 2, 3))),
        12.5,
        Optional.empty());
  }
}
