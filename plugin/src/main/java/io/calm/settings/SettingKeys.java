package io.calm.settings;

import static io.calm.settings.SettingKey.Effect.RESULT;
import static io.calm.settings.SettingKey.Effect.SERVING;

import io.calm.cka.Metric;
import io.calm.model.ActivationMode;
import io.calm.quant.AlgorithmName;
import io.calm.quant.Granularity;
import io.calm.runtime.Backend;
import io.calm.runtime.KvType;
import io.calm.tensor.TableFormat;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The table of all {@code calm.*} keys with their defaults and ranges. */
public final class SettingKeys {
  private static final List<SettingKey<?>> TABLE = new ArrayList<>();

  /** DJL Serving's own key for {@link #MAX_RUNNING}. */
  static final String OPERATORS_MAX_RUNNING = "option.max_rolling_batch_size";

  /** DJL Serving's own key for {@link #QUEUE_SIZE}. */
  static final String OPERATORS_QUEUE_SIZE = "job_queue_size";

  static final SettingKey<Boolean> ENABLED =
      key("calm.enabled", "false", "true | false", SERVING, ValueParsers.flag());

  static final SettingKey<OptionalInt> GROUP =
      key(
          "calm.group",
          "auto",
          "auto | 32 | 64 | 128",
          RESULT,
          ValueParsers.choice(
              Map.of(
                  "auto", OptionalInt.empty(),
                  "32", OptionalInt.of(32),
                  "64", OptionalInt.of(64),
                  "128", OptionalInt.of(128))));

  static final SettingKey<ActivationMode> ACTIVATION =
      choice(
          "calm.activation",
          "per-group",
          RESULT,
          ActivationMode::setting,
          List.of(ActivationMode.values()));

  static final SettingKey<Optional<AlgorithmName>> ALGORITHM =
      key(
          "calm.algorithm",
          "search",
          "search | the name of an algorithm, e.g. gptq",
          RESULT,
          ValueParsers.nameOr("search"));

  static final SettingKey<List<AlgorithmName>> POOL =
      key(
          "calm.pool",
          "auto",
          "auto | names of algorithms, each once, comma-separated, e.g. rtn,gptq,awq",
          RESULT,
          ValueParsers.namesOrAuto());

  static final SettingKey<Optional<Metric>> METRIC =
      choiceOrAuto("calm.search.metric", RESULT, Metric::setting, List.of(Metric.values()));

  static final SettingKey<Optional<Granularity>> GRANULARITY =
      choiceOrAuto(
          "calm.search.granularity", RESULT, Granularity::setting, List.of(Granularity.values()));

  static final SettingKey<ReferenceStream> REFERENCE =
      choice(
          "calm.search.reference",
          "auto",
          RESULT,
          ReferenceStream::setting,
          List.of(ReferenceStream.values()));

  static final SettingKey<Double> SINK_THRESHOLD =
      key(
          "calm.search.sink-threshold",
          "20",
          "0 (off), or from 1 to 1000000 (median row norms)",
          RESULT,
          text ->
              ValueParsers.decimal(0, 1_000_000)
                  .apply(text)
                  .filter(value -> value == 0 || value >= 1));

  static final SettingKey<Boolean> GUARD =
      key("calm.search.guard", "true", "true | false", RESULT, ValueParsers.flag());

  static final SettingKey<Optional<Path>> CALIBRATION =
      key(
          "calm.calibration",
          "self",
          "self | a file of text or JSON lines",
          RESULT,
          ValueParsers.pathOr("self"));

  static final SettingKey<SearchEffort> EFFORT =
      choice(
          "calm.search.effort",
          "default",
          RESULT,
          SearchEffort::setting,
          List.of(SearchEffort.values()));

  static final SettingKey<OptionalInt> CALIBRATION_SAMPLES =
      key(
          "calm.calibration.samples",
          "auto",
          "auto | from 1 to 4096",
          RESULT,
          ValueParsers.integerOrAuto(1, 4096));

  static final SettingKey<OptionalInt> CALIBRATION_LENGTH =
      key(
          "calm.calibration.length",
          "auto",
          "auto | from 8 to 32768",
          RESULT,
          ValueParsers.integerOrAuto(8, 32768));

  static final SettingKey<Long> CALIBRATION_SEED =
      key(
          "calm.calibration.seed",
          "0",
          "a whole number of 64 bits",
          RESULT,
          ValueParsers.wholeNumber(Long.MIN_VALUE, Long.MAX_VALUE));

  static final SettingKey<Optional<TableFormat>> LM_HEAD =
      choiceOrAuto("calm.lm-head", RESULT, TableFormat::setting, List.of(TableFormat.values()));

  static final SettingKey<BaselineChoice> BASELINE =
      key(
          "calm.baseline",
          "auto",
          "auto | off | the name of an algorithm, e.g. gptq",
          SERVING,
          ValueParsers.baseline());

  static final SettingKey<OptionalInt> THREADS =
      key(
          "calm.threads",
          "auto",
          "auto | from 1 to 1024",
          SERVING,
          ValueParsers.integerOrAuto(1, 1024));

  static final SettingKey<Backend> BACKEND =
      choice("calm.backend", "auto", SERVING, Backend::setting, List.of(Backend.values()));

  static final SettingKey<KernelChoice> KERNEL =
      choice("calm.kernel", "auto", SERVING, KernelChoice::setting, List.of(KernelChoice.values()));

  static final SettingKey<KvType> KV_CACHE =
      choice("calm.kv-cache", "float16", SERVING, KvType::setting, List.of(KvType.values()));

  static final SettingKey<WeightMemory> WEIGHTS =
      choice(
          "calm.weights", "auto", SERVING, WeightMemory::setting, List.of(WeightMemory.values()));

  static final SettingKey<OptionalInt> MAX_CONTEXT =
      key(
          "calm.max-context",
          "auto",
          "auto | from 8 to 16777216 (tokens)",
          SERVING,
          ValueParsers.integerOrAuto(8, 1 << 24));

  static final SettingKey<OptionalLong> KV_BUDGET_MB =
      key(
          "calm.kv-budget-mb",
          "auto",
          "auto | from 1 to 16777216 (MiB)",
          SERVING,
          ValueParsers.wholeNumberOrAuto(1, 1 << 24));

  static final SettingKey<Integer> MAX_RUNNING = integer("calm.max-running", 32, 1, 4096, SERVING);

  static final SettingKey<Integer> QUEUE_SIZE =
      integer("calm.queue-size", 100, 1, 1_000_000, SERVING);

  static final SettingKey<OptionalInt> DEFAULT_MAX_TOKENS =
      key(
          "calm.default-max-tokens",
          "auto",
          "auto | from 1 to 16777216 (tokens)",
          SERVING,
          ValueParsers.integerOrAuto(1, 1 << 24));

  static final SettingKey<Integer> SPECULATE =
      key(
          "calm.speculate",
          "lookup",
          "off | lookup | lookup:N with N from 1 to 16 (tokens)",
          SERVING,
          ValueParsers.speculatedTokens(8, 16));

  static final SettingKey<Optional<Duration>> REQUEST_TIMEOUT =
      key(
          "calm.request-timeout",
          "off",
          "off | from 1 to 86400 (seconds)",
          SERVING,
          ValueParsers.secondsOrOff(1, 86_400));

  static final SettingKey<Duration> SLOW_READER_TIMEOUT =
      key(
          "calm.slow-reader-timeout",
          "30",
          "from 1 to 86400 (seconds)",
          SERVING,
          ValueParsers.seconds(1, 86_400));

  static final SettingKey<Duration> DRAIN_TIMEOUT =
      key(
          "calm.drain-timeout",
          "25",
          "from 0 to 86400 (seconds)",
          SERVING,
          ValueParsers.seconds(0, 86_400));

  static final SettingKey<Boolean> MEMORY_CHECK =
      key("calm.memory-check", "true", "true | false", SERVING, ValueParsers.flag());

  static final SettingKey<TokenizerProbing> TOKENIZER_PROBE =
      choice(
          "calm.tokenizer-probe",
          "auto",
          SERVING,
          TokenizerProbing::setting,
          List.of(TokenizerProbing.values()));

  static final SettingKey<WarmStart> WARM_START =
      choice("calm.warm-start", "off", SERVING, WarmStart::setting, List.of(WarmStart.values()));

  static final SettingKey<Boolean> WARM_UP =
      key("calm.warm-up", "true", "true | false", SERVING, ValueParsers.flag());

  static final SettingKey<Boolean> COMPARE_PROBE =
      key(
          "calm.compare.probe",
          "auto",
          "auto | off",
          SERVING,
          ValueParsers.choice(Map.of("auto", true, "off", false)));

  static final SettingKey<Double> COMPARE_SHARE =
      key(
          "calm.compare.share",
          "0",
          "from 0 to 0.5 (share of the requests)",
          SERVING,
          ValueParsers.decimal(0, 0.5));

  static final SettingKey<Boolean> PAGE =
      key("calm.page", "true", "true | false", SERVING, ValueParsers.flag());

  static final SettingKey<Path> CACHE_DIR =
      key(
          "calm.cache-dir",
          "~/.cache/calm",
          "a directory; the default follows XDG_CACHE_HOME where that is set",
          SERVING,
          ValueParsers.path());

  private static final Map<String, SettingKey<?>> BY_NAME =
      Collections.unmodifiableMap(
          TABLE.stream()
              .collect(
                  Collectors.toMap(
                      SettingKey::name, Function.identity(), (a, b) -> a, LinkedHashMap::new)));

  private SettingKeys() {}

  /** Returns all keys by name, in the order of the documentation. */
  public static Map<String, SettingKey<?>> all() {
    return BY_NAME;
  }

  /** Returns the key with that name; empty if there is none. */
  public static Optional<SettingKey<?>> named(String name) {
    return Optional.ofNullable(BY_NAME.get(name));
  }

  private static SettingKey<Integer> integer(
      String name, int defaultValue, int min, int max, SettingKey.Effect effect) {
    return key(
        name,
        Integer.toString(defaultValue),
        "from %d to %d".formatted(min, max),
        effect,
        ValueParsers.integer(min, max));
  }

  private static <T> SettingKey<T> choice(
      String name,
      String defaultText,
      SettingKey.Effect effect,
      Function<T, String> spelling,
      List<T> values) {
    return key(
        name,
        defaultText,
        values.stream().map(spelling).collect(Collectors.joining(" | ")),
        effect,
        ValueParsers.choice(values.stream().collect(Collectors.toMap(spelling, v -> v))));
  }

  /** A choice whose default is {@code auto}, the empty value. */
  private static <T> SettingKey<Optional<T>> choiceOrAuto(
      String name, SettingKey.Effect effect, Function<T, String> spelling, List<T> values) {
    return choice(
        name,
        "auto",
        effect,
        value -> value.map(spelling).orElse("auto"),
        Stream.concat(Stream.of(Optional.<T>empty()), values.stream().map(Optional::of)).toList());
  }

  private static <T> SettingKey<T> key(
      String name,
      String defaultText,
      String allowed,
      SettingKey.Effect effect,
      Function<String, Optional<T>> parser) {
    SettingKey<T> key = new SettingKey<>(name, defaultText, allowed, effect, parser);
    TABLE.add(key);
    return key;
  }

  /** Returns the names of the setting that {@code name} is one name of; itself for another key. */
  static Set<String> spellings(String name) {
    return namesOf(name, SettingKeys::spellings);
  }

  /**
   * Returns the names of the setting that {@code name} is one name of, without those of DJL Serving
   * that only replace its default; itself for another key.
   */
  static Set<String> ownSpellings(String name) {
    return namesOf(name, SettingKeys::ownSpellings);
  }

  private static Set<String> namesOf(String name, Function<SettingKey<?>, Set<String>> names) {
    return all().values().stream()
        .map(names)
        .filter(of -> of.contains(name))
        .findFirst()
        .orElse(Set.of(name));
  }

  private static Set<String> ownSpellings(SettingKey<?> key) {
    return Set.of(key.name(), key.optionKey());
  }

  private static Set<String> spellings(SettingKey<?> key) {
    Set<String> names = new HashSet<>(ownSpellings(key));
    if (key.equals(MAX_RUNNING)) {
      names.add(OPERATORS_MAX_RUNNING);
    } else if (key.equals(QUEUE_SIZE)) {
      names.add(OPERATORS_QUEUE_SIZE);
    }
    return names;
  }
}
