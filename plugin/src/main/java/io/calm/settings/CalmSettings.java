package io.calm.settings;

import io.calm.model.ActivationMode;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The {@code calm.*} settings of one model, parsed and validated. {@link SettingKeys} has the
 * names, defaults and ranges. Immutable.
 *
 * @param quantization settings that determine the quantized model
 * @param decoder settings of the computation
 * @param generation limits of the generation
 * @param timeouts timeouts of requests
 * @param loading settings of the loading
 * @param compare settings of the comparison with the uniform twin
 * @param texts the text of every key but {@code calm.cache-dir}, for display; settings with other
 *     texts and the same values are equal
 */
public record CalmSettings(
    QuantizationSettings quantization,
    DecoderSettings decoder,
    GenerationSettings generation,
    TimeoutSettings timeouts,
    LoadSettings loading,
    CompareSettings compare,
    Map<String, String> texts) {

  public CalmSettings {
    texts = Collections.unmodifiableMap(new LinkedHashMap<>(texts));
  }

  /** Creates settings without texts. */
  public CalmSettings(
      QuantizationSettings quantization,
      DecoderSettings decoder,
      GenerationSettings generation,
      TimeoutSettings timeouts,
      LoadSettings loading,
      CompareSettings compare) {
    this(quantization, decoder, generation, timeouts, loading, compare, Map.of());
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof CalmSettings that && values().equals(that.values());
  }

  @Override
  public int hashCode() {
    return values().hashCode();
  }

  private List<Record> values() {
    return List.of(quantization, decoder, generation, timeouts, loading, compare);
  }

  /** Returns the default settings in the environment of this process. */
  public static CalmSettings defaults() {
    return of(Map.of(), System.getenv());
  }

  /**
   * Reads the settings.
   *
   * <p>The value of a key comes from the properties, else from its environment variable ({@code
   * OPTION_CALM_X_Y}). Three keys then follow the operator's own setting of the same thing ({@code
   * option.max_rolling_batch_size}, {@code job_queue_size}, {@code XDG_CACHE_HOME}). The default
   * comes last. Keys without the prefix {@code calm.} are otherwise ignored.
   *
   * @param properties contents of {@code model.properties} and {@code serving.properties}
   * @throws SettingsException if a {@code calm.*} key is unknown or a value is not allowed; the
   *     message names all of them
   */
  public static CalmSettings of(Map<String, String> properties, Map<String, String> environment) {
    SettingValues values = new SettingValues(properties, environment);
    CalmSettings settings =
        new CalmSettings(
            quantization(values),
            decoder(values),
            generation(values),
            new TimeoutSettings(
                values.get(SettingKeys.REQUEST_TIMEOUT),
                values.get(SettingKeys.SLOW_READER_TIMEOUT),
                values.get(SettingKeys.DRAIN_TIMEOUT)),
            new LoadSettings(
                values.get(SettingKeys.ENABLED),
                values.get(SettingKeys.BASELINE),
                values.get(SettingKeys.MEMORY_CHECK),
                values.get(SettingKeys.TOKENIZER_PROBE),
                values.cacheDir(),
                values.get(SettingKeys.WARM_START),
                values.get(SettingKeys.WARM_UP)),
            new CompareSettings(
                values.get(SettingKeys.COMPARE_PROBE), values.get(SettingKeys.COMPARE_SHARE)));
    values.refuseProblems();
    return settings.with(values.texts());
  }

  private CalmSettings with(Map<String, String> ofKeys) {
    return new CalmSettings(quantization, decoder, generation, timeouts, loading, compare, ofKeys);
  }

  private static DecoderSettings decoder(SettingValues values) {
    DecoderSettings settings =
        new DecoderSettings(
            values.get(SettingKeys.BACKEND),
            values.get(SettingKeys.KERNEL),
            values.get(SettingKeys.THREADS),
            values.get(SettingKeys.KV_CACHE),
            values.get(SettingKeys.WEIGHTS));
    settings.contradiction().ifPresent(values::refuse);
    return settings;
  }

  private static QuantizationSettings quantization(SettingValues values) {
    ActivationMode activation = values.get(SettingKeys.ACTIVATION);
    return new QuantizationSettings(
        values.get(SettingKeys.GROUP),
        activation,
        values.get(SettingKeys.LM_HEAD),
        new PlanSettings(
            values.get(SettingKeys.ALGORITHM),
            values.get(SettingKeys.POOL),
            values.get(SettingKeys.METRIC).orElse(PlanSettings.defaultMetric(activation)),
            values.get(SettingKeys.GRANULARITY).orElse(PlanSettings.defaultGranularity(activation)),
            values.get(SettingKeys.REFERENCE),
            values.get(SettingKeys.SINK_THRESHOLD),
            values.get(SettingKeys.GUARD)),
        new CalibrationSettings(
            values.get(SettingKeys.CALIBRATION),
            values.get(SettingKeys.EFFORT),
            values.get(SettingKeys.CALIBRATION_SAMPLES),
            values.get(SettingKeys.CALIBRATION_LENGTH),
            values.get(SettingKeys.CALIBRATION_SEED)));
  }

  private static GenerationSettings generation(SettingValues values) {
    return new GenerationSettings(
        values.get(SettingKeys.MAX_CONTEXT),
        values.get(SettingKeys.KV_BUDGET_MB),
        values.getOrOperators(
            SettingKeys.MAX_RUNNING,
            SettingKeys.OPERATORS_MAX_RUNNING,
            "OPTION_MAX_ROLLING_BATCH_SIZE"),
        values.getOrOperators(
            SettingKeys.QUEUE_SIZE, SettingKeys.OPERATORS_QUEUE_SIZE, "SERVING_JOB_QUEUE_SIZE"),
        values.get(SettingKeys.DEFAULT_MAX_TOKENS),
        values.get(SettingKeys.SPECULATE));
  }
}
