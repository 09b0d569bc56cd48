package io.calm.report;

import io.calm.kernels.BuildInfo;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The scores of one precision on a text or a task, as {@code calm eval} measured them.
 *
 * @param kind {@link #TEXT} or {@link #TASK}
 * @param name file name of the text, or name of the task
 * @param digest SHA-256 of its content
 * @param count number of windows, or of questions
 * @param length tokens per window; 0 for a task
 * @param scored number of scored tokens; 0 for a task
 * @param precision value of {@code --precision}
 * @param variant served plan, e.g. {@code calm} or {@code uniform-gptq}
 * @param kvCache format of keys and values, if it was named
 * @param values by name: {@code perplexity}, {@code nll}, {@code kl}, {@code top_one_agreement},
 *     {@code acc}, {@code acc_norm}; fractions are 0 to 1, divergences are in nats per token
 * @param date date and time in UTC, ISO 8601
 * @param build version of CALM that measured
 */
public record Measurement(
    String kind,
    String name,
    String digest,
    int count,
    int length,
    long scored,
    String precision,
    String variant,
    Optional<String> kvCache,
    Map<String, MeasuredValue> values,
    String date,
    BuildInfo build) {
  public static final String TEXT = "text";
  public static final String TASK = "task";

  public Measurement {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /** Returns everything but the precision that two measurements share if they may be compared. */
  Subject subject() {
    return new Subject(kind, name, digest, count, length, scored, kvCache);
  }

  /** A text or task and the part of it that was scored. */
  record Subject(
      String kind,
      String name,
      String digest,
      int count,
      int length,
      long scored,
      Optional<String> kvCache) {}

  /** Returns the text that identifies it among the measurements of one artifact. */
  String identity() {
    return String.join(
        "\n", kind, name, digest, count + " x " + length, kvCache.orElse("as in the settings"));
  }

  /** Returns this measurement with another format of keys and values. */
  Measurement with(Optional<String> otherCache) {
    return new Measurement(
        kind,
        name,
        digest,
        count,
        length,
        scored,
        precision,
        variant,
        otherCache,
        values,
        date,
        build);
  }

  /** Returns this measurement with the values that only an earlier one of the same has. */
  Measurement with(Measurement earlier) {
    Map<String, MeasuredValue> all = new LinkedHashMap<>(values);
    earlier.values.forEach(all::putIfAbsent);
    return new Measurement(
        kind, name, digest, count, length, scored, precision, variant, kvCache, all, date, build);
  }
}
