package io.calm.settings;

import io.calm.model.ActivationMode;
import io.calm.runtime.Decoders;
import io.calm.runtime.KvType;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Every {@code calm.*} setting of one model, parsed and in range. {@link SettingKeys} has the
 * names, defaults and ranges. Immutable.
 *
 * @param enabled whether DJL Serving hands the model to this engine
 * @param group largest group of a scale; empty: chosen by the checkpoint
 * @param activation int8 scales an activation row
 * @param algorithm the one algorithm of a uniform plan; empty: search
 * @param pool names of the algorithms to try; empty: the default pool
 * @param metric what candidates are scored by
 * @param reference the stream that feeds the full-precision block
 * @param sinkThreshold rows above this many median norms are left out of the score; 0: none
 * @param guard whether the mix must hold against the best uniform plan
 * @param calibration text or JSON lines; empty: the model's own samples
 * @param calibrationSamples sequences that quantizers are fitted on
 * @param calibrationLength tokens a sequence
 * @param calibrationSeed of the samples
 * @param lmHead format of lm_head and embeddings, or how it is found
 * @param threads of the kernels; empty: the processors that the process may use
 * @param kernel {@code auto}, {@code java}, or a variant of native kernels
 * @param kvCache how keys and values are stored
 * @param maxContext most tokens of a sequence; empty: the model's
 * @param kvBudgetMb MiB for keys and values; empty: by the memory at hand
 * @param maxRunning most sequences in one step
 * @param queueSize most requests that wait
 * @param defaultMaxTokens most tokens of a chat's answer where the client names no length; empty:
 *     what the context leaves
 * @param requestTimeout longest time of a request, its wait in the queue included; empty: no limit
 * @param slowReaderTimeout how long a stream is held for a client that does not read
 * @param drainTimeout how long requests may go on when their model is unloaded or the server stops
 * @param memoryCheck whether a model that is estimated not to fit is refused
 * @param tokenizerProbe when a child process opens a tokenizer first
 * @param cacheDir where artifacts lie
 */
public record CalmSettings(
    boolean enabled,
    OptionalInt group,
    ActivationMode activation,
    Optional<String> algorithm,
    List<String> pool,
    Metric metric,
    Reference reference,
    double sinkThreshold,
    boolean guard,
    Optional<Path> calibration,
    int calibrationSamples,
    int calibrationLength,
    long calibrationSeed,
    HeadFormat lmHead,
    OptionalInt threads,
    String kernel,
    KvType kvCache,
    OptionalInt maxContext,
    OptionalLong kvBudgetMb,
    int maxRunning,
    int queueSize,
    OptionalInt defaultMaxTokens,
    Optional<Duration> requestTimeout,
    Duration slowReaderTimeout,
    Duration drainTimeout,
    boolean memoryCheck,
    TokenizerProbing tokenizerProbe,
    Path cacheDir) {

  public CalmSettings {
    pool = List.copyOf(pool);
  }

  /** What candidates are scored by ({@code calm.search.metric}). */
  public enum Metric {
    CKA,
    CKA_BIASED,
    RELATIVE_MSE;

    /** Returns the setting's value, e.g. {@code relative-mse}. */
    public String setting() {
      return spelling(this);
    }
  }

  /** The stream that feeds the full-precision block ({@code calm.search.reference}). */
  public enum Reference {
    QUANTIZED,
    FULL_PRECISION;

    /** Returns the setting's value, e.g. {@code full-precision}. */
    public String setting() {
      return spelling(this);
    }
  }

  /** The format of lm_head and embeddings ({@code calm.lm-head}). */
  public enum HeadFormat {
    /** Embeddings int8; lm_head int4 where that costs little, else int8. */
    AUTO,
    INT8,
    INT4,
    FLOAT16,
    FLOAT32;

    /** Returns the setting's value, e.g. {@code float16}. */
    public String setting() {
      return spelling(this);
    }
  }

  /** Selects when a tokenizer is first opened in a child process ({@code calm.tokenizer-probe}). */
  public enum TokenizerProbing {
    /** For models that are registered while the server runs. */
    AUTO,
    ON,
    OFF;

    /** Returns the setting's value, e.g. {@code auto}. */
    public String setting() {
      return spelling(this);
    }
  }

  private static String spelling(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Returns the settings of a model for which nothing is set, in this process's environment. */
  public static CalmSettings defaults() {
    return of(Map.of(), System.getenv());
  }

  /**
   * Reads the settings.
   *
   * <p>A key is taken from the properties, else from its environment variable ({@code
   * OPTION_CALM_X_Y}), else, for three keys, from the operator's own setting of the same thing
   * ({@code option.max_rolling_batch_size}, {@code job_queue_size}, {@code XDG_CACHE_HOME}), else
   * it is the default. Keys that do not start with {@code calm.} are otherwise left alone.
   *
   * @param properties of {@code model.properties} and {@code serving.properties}
   * @throws SettingsException naming every unknown {@code calm.*} key and every value that is not
   *     allowed
   */
  public static CalmSettings of(Map<String, String> properties, Map<String, String> environment) {
    SettingValues values = new SettingValues(properties, environment);
    CalmSettings settings =
        new CalmSettings(
            values.get(SettingKeys.ENABLED),
            values.get(SettingKeys.GROUP),
            values.get(SettingKeys.ACTIVATION),
            values.get(SettingKeys.ALGORITHM),
            values.get(SettingKeys.POOL),
            values.get(SettingKeys.METRIC),
            values.get(SettingKeys.REFERENCE),
            values.get(SettingKeys.SINK_THRESHOLD),
            values.get(SettingKeys.GUARD),
            values.get(SettingKeys.CALIBRATION),
            values.get(SettingKeys.CALIBRATION_SAMPLES),
            values.get(SettingKeys.CALIBRATION_LENGTH),
            values.get(SettingKeys.CALIBRATION_SEED),
            values.get(SettingKeys.LM_HEAD),
            values.get(SettingKeys.THREADS),
            values.get(SettingKeys.KERNEL),
            values.get(SettingKeys.KV_CACHE),
            values.get(SettingKeys.MAX_CONTEXT),
            values.get(SettingKeys.KV_BUDGET_MB),
            values.getOrOperators(
                SettingKeys.MAX_RUNNING,
                "option.max_rolling_batch_size",
                "OPTION_MAX_ROLLING_BATCH_SIZE"),
            values.getOrOperators(
                SettingKeys.QUEUE_SIZE, "job_queue_size", "SERVING_JOB_QUEUE_SIZE"),
            values.get(SettingKeys.DEFAULT_MAX_TOKENS),
            values.get(SettingKeys.REQUEST_TIMEOUT),
            values.get(SettingKeys.SLOW_READER_TIMEOUT),
            values.get(SettingKeys.DRAIN_TIMEOUT),
            values.get(SettingKeys.MEMORY_CHECK),
            values.get(SettingKeys.TOKENIZER_PROBE),
            values.cacheDir());
    values.refuseProblems();
    return settings;
  }

  /** Returns the threads of the kernels: as set, else the processors that the process may use. */
  public int threadCount() {
    return threads.orElseGet(() -> Runtime.getRuntime().availableProcessors());
  }

  /** Returns how a decoder is made. */
  public Decoders.Settings decoder() {
    return new Decoders.Settings(kernel, kvCache, threadCount());
  }

  /**
   * Returns the settings that change the quantized result, one {@code key=value} a line in a fixed
   * order: a part of the artifact's key.
   *
   * <p>{@code auto} stands as it is, for the checkpoint's bytes and the format's version decide
   * what it means; a calibration file stands as {@code file}, for its bytes belong in the key
   * beside this string and its name does not.
   */
  public String resultKey() {
    return String.join(
        "\n",
        line(SettingKeys.GROUP, group.isPresent() ? Integer.toString(group.getAsInt()) : "auto"),
        line(SettingKeys.ACTIVATION, activation.setting()),
        line(SettingKeys.ALGORITHM, algorithm.orElse("search")),
        line(SettingKeys.POOL, pool.isEmpty() ? "auto" : String.join(",", pool)),
        line(SettingKeys.METRIC, metric.setting()),
        line(SettingKeys.REFERENCE, reference.setting()),
        line(SettingKeys.SINK_THRESHOLD, Double.toString(sinkThreshold)),
        line(SettingKeys.GUARD, Boolean.toString(guard)),
        line(SettingKeys.CALIBRATION, calibration.isPresent() ? "file" : "self"),
        line(SettingKeys.CALIBRATION_SAMPLES, Integer.toString(calibrationSamples)),
        line(SettingKeys.CALIBRATION_LENGTH, Integer.toString(calibrationLength)),
        line(SettingKeys.CALIBRATION_SEED, Long.toString(calibrationSeed)),
        line(SettingKeys.LM_HEAD, lmHead.setting()));
  }

  private static String line(SettingKey<?> key, String value) {
    return key.name() + "=" + value;
  }
}
