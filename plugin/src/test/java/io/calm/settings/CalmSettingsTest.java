package io.calm.settings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.cka.Metric;
import io.calm.model.ActivationMode;
import io.calm.quant.AlgorithmName;
import io.calm.quant.Granularity;
import io.calm.runtime.Backend;
import io.calm.runtime.KvType;
import io.calm.tensor.TableFormat;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CalmSettingsTest {

  @Test
  void everyKeyDefaultAndRangeIsPinned() {
    String table =
        SettingKeys.all().values().stream()
            .map(k -> String.join("; ", k.name(), k.defaultText(), k.allowed(), "" + k.effect()))
            .collect(Collectors.joining("\n"));

    assertEquals(
        """
        calm.enabled; false; true | false; SERVING
        calm.group; auto; auto | 32 | 64 | 128; RESULT
        calm.activation; per-group; per-group | per-token; RESULT
        calm.algorithm; search; search | the name of an algorithm, e.g. gptq; RESULT
        calm.pool; auto; auto | names of algorithms, each once, comma-separated, e.g. rtn,gptq,awq; RESULT
        calm.search.metric; auto; auto | cka | cka-biased | cka-contribution | cka-normalized | relative-mse | relative-mse-normalized; RESULT
        calm.search.granularity; auto; auto | block | half | stage; RESULT
        calm.search.reference; auto; auto | quantized | full-precision; RESULT
        calm.search.sink-threshold; 20; 0 (off), or from 1 to 1000000 (median row norms); RESULT
        calm.search.guard; true; true | false; RESULT
        calm.calibration; self; self | a file of text or JSON lines; RESULT
        calm.search.effort; default; fast | default | thorough; RESULT
        calm.calibration.samples; auto; auto | from 1 to 4096; RESULT
        calm.calibration.length; auto; auto | from 8 to 32768; RESULT
        calm.calibration.seed; 0; a whole number of 64 bits; RESULT
        calm.lm-head; auto; auto | int8 | int4 | float16 | float32; RESULT
        calm.baseline; auto; auto | off | the name of an algorithm, e.g. gptq; SERVING
        calm.threads; auto; auto | from 1 to 1024; SERVING
        calm.backend; auto; auto | native | java | pytorch; SERVING
        calm.kernel; auto; auto | java | scalar | avx2 | avx-vnni | avx512-vnni | amx | neon-dotprod; SERVING
        calm.kv-cache; float16; float16 | int8; SERVING
        calm.weights; auto; auto | mapped | copied; SERVING
        calm.max-context; auto; auto | from 8 to 16777216 (tokens); SERVING
        calm.kv-budget-mb; auto; auto | from 1 to 16777216 (MiB); SERVING
        calm.max-running; 32; from 1 to 4096; SERVING
        calm.queue-size; 100; from 1 to 1000000; SERVING
        calm.default-max-tokens; auto; auto | from 1 to 16777216 (tokens); SERVING
        calm.speculate; lookup; off | lookup | lookup:N with N from 1 to 16 (tokens); SERVING
        calm.request-timeout; off; off | from 1 to 86400 (seconds); SERVING
        calm.slow-reader-timeout; 30; from 1 to 86400 (seconds); SERVING
        calm.drain-timeout; 25; from 0 to 86400 (seconds); SERVING
        calm.memory-check; true; true | false; SERVING
        calm.tokenizer-probe; auto; auto | on | off; SERVING
        calm.warm-start; off; off | rtn; SERVING
        calm.warm-up; true; true | false; SERVING
        calm.compare.probe; auto; auto | off; SERVING
        calm.compare.share; 0; from 0 to 0.5 (share of the requests); SERVING
        calm.page; true; true | false; SERVING
        calm.cache-dir; ~/.cache/calm; a directory; the default follows XDG_CACHE_HOME where that is set; SERVING""",
        table);
  }

  @Test
  void defaultsAreWhatTheTableSays() {
    assertEquals(
        new CalmSettings(
            new QuantizationSettings(
                OptionalInt.empty(),
                ActivationMode.PER_GROUP,
                Optional.empty(),
                new PlanSettings(
                    Optional.empty(),
                    List.of(),
                    Metric.CKA_NORMALIZED,
                    Granularity.BLOCK,
                    ReferenceStream.AUTO,
                    20,
                    true),
                new CalibrationSettings(
                    Optional.empty(),
                    SearchEffort.DEFAULT,
                    OptionalInt.empty(),
                    OptionalInt.empty(),
                    0)),
            new DecoderSettings(
                Backend.AUTO,
                KernelChoice.AUTO,
                OptionalInt.empty(),
                KvType.FLOAT16,
                WeightMemory.AUTO),
            new GenerationSettings(
                OptionalInt.empty(), OptionalLong.empty(), 32, 100, OptionalInt.empty(), 8),
            new TimeoutSettings(Optional.empty(), Duration.ofSeconds(30), Duration.ofSeconds(25)),
            new LoadSettings(
                false,
                new BaselineChoice.Auto(),
                true,
                TokenizerProbing.AUTO,
                Path.of(System.getProperty("user.home"), ".cache", "calm"),
                WarmStart.OFF,
                true),
            new CompareSettings(true, 0)),
        CalmSettings.of(Map.of(), Map.of()));
  }

  @Test
  void theActivationScalesDecideHowASearchChooses() {
    PlanSettings group = CalmSettings.of(Map.of(), Map.of()).quantization().plan();
    assertEquals(Metric.CKA_NORMALIZED, group.metric());
    assertEquals(Granularity.BLOCK, group.granularity());

    Map<String, String> perToken = Map.of("calm.activation", "per-token");
    PlanSettings token = CalmSettings.of(perToken, Map.of()).quantization().plan();
    assertEquals(Metric.RELATIVE_MSE, token.metric());
    assertEquals(Granularity.STAGE, token.granularity());
    assertEquals(Granularity.STAGE, token.granularityAmong(2));
    assertEquals(Granularity.BLOCK, token.granularityAmong(1));

    PlanSettings given =
        CalmSettings.of(
                Map.of(
                    "calm.activation", "per-token",
                    "calm.search.metric", "cka",
                    "calm.search.granularity", "block"),
                Map.of())
            .quantization()
            .plan();
    assertEquals(Metric.CKA, given.metric());
    assertEquals(Granularity.BLOCK, given.granularity());
  }

  @Test
  void everyKeyIsReadFromPropertiesFromDjlsOptionsAndFromTheEnvironment() {
    Map<String, String> values = new TreeMap<>();
    values.put("calm.enabled", "true");
    values.put("calm.group", "64");
    values.put("calm.activation", "per-token");
    values.put("calm.algorithm", "awq+gptq");
    values.put("calm.pool", "rtn, gptq,awq");
    values.put("calm.search.metric", "relative-mse");
    values.put("calm.search.granularity", "stage");
    values.put("calm.search.reference", "quantized");
    values.put("calm.search.sink-threshold", "0");
    values.put("calm.search.guard", "false");
    values.put("calm.calibration", "/texts/calibration.txt");
    values.put("calm.search.effort", "thorough");
    values.put("calm.calibration.samples", "1");
    values.put("calm.calibration.length", "32768");
    values.put("calm.calibration.seed", "-7");
    values.put("calm.lm-head", "float16");
    values.put("calm.baseline", "awq+gptq");
    values.put("calm.threads", "1024");
    values.put("calm.backend", "native");
    values.put("calm.kernel", "avx2");
    values.put("calm.kv-cache", "int8");
    values.put("calm.weights", "copied");
    values.put("calm.max-context", "4096");
    values.put("calm.kv-budget-mb", "512");
    values.put("calm.max-running", "4096");
    values.put("calm.queue-size", "1");
    values.put("calm.default-max-tokens", "2000");
    values.put("calm.speculate", "lookup:3");
    values.put("calm.request-timeout", "600");
    values.put("calm.slow-reader-timeout", "5");
    values.put("calm.drain-timeout", "0");
    values.put("calm.memory-check", "false");
    values.put("calm.tokenizer-probe", "off");
    values.put("calm.compare.probe", "off");
    values.put("calm.compare.share", "0.5");
    values.put("calm.warm-start", "rtn");
    values.put("calm.warm-up", "false");
    values.put("calm.page", "false");
    values.put("calm.cache-dir", "/var/cache/calm");
    assertEquals(SettingKeys.all().keySet(), values.keySet(), "the test sets every key");
    CalmSettings expected =
        new CalmSettings(
            new QuantizationSettings(
                OptionalInt.of(64),
                ActivationMode.PER_TOKEN,
                Optional.of(TableFormat.FLOAT16),
                new PlanSettings(
                    Optional.of(new AlgorithmName("awq+gptq")),
                    Stream.of("rtn", "gptq", "awq").map(AlgorithmName::new).toList(),
                    Metric.RELATIVE_MSE,
                    Granularity.STAGE,
                    ReferenceStream.QUANTIZED,
                    0,
                    false),
                new CalibrationSettings(
                    Optional.of(Path.of("/texts/calibration.txt")),
                    SearchEffort.THOROUGH,
                    OptionalInt.of(1),
                    OptionalInt.of(32768),
                    -7)),
            new DecoderSettings(
                Backend.NATIVE,
                KernelChoice.AVX2,
                OptionalInt.of(1024),
                KvType.INT8,
                WeightMemory.COPIED),
            new GenerationSettings(
                OptionalInt.of(4096), OptionalLong.of(512), 4096, 1, OptionalInt.of(2000), 3),
            new TimeoutSettings(
                Optional.of(Duration.ofMinutes(10)), Duration.ofSeconds(5), Duration.ZERO),
            new LoadSettings(
                true,
                new BaselineChoice.Named(new AlgorithmName("awq+gptq")),
                false,
                TokenizerProbing.OFF,
                Path.of("/var/cache/calm"),
                WarmStart.RTN,
                false),
            new CompareSettings(false, 0.5));
    Map<String, String> options = new TreeMap<>();
    Map<String, String> variables = new TreeMap<>();
    values.forEach(
        (name, value) -> {
          SettingKey<?> key = SettingKeys.named(name).orElseThrow();
          options.put(key.optionKey(), value);
          variables.put(key.environmentVariable(), value);
        });

    assertEquals(expected, CalmSettings.of(values, Map.of()));
    assertEquals(expected, CalmSettings.of(options, Map.of()));
    assertEquals(expected, CalmSettings.of(Map.of(), variables));
    assertTrue(variables.containsKey("OPTION_CALM_SEARCH_SINK_THRESHOLD"), variables.toString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      nullValues = "-",
      value = {
        "calm.enabled; yes",
        "calm.compare.probe; on",
        "calm.compare.share; 0.6",
        "calm.enabled; ''",
        "calm.group; 16",
        "calm.group; 256",
        "calm.activation; per-channel",
        "calm.algorithm; 'two words'",
        "calm.pool; 'rtn,,gptq'",
        "calm.pool; 'rtn,rtn'",
        "calm.pool; 'auto,rtn'",
        "calm.search.metric; mse",
        "calm.search.granularity; layer",
        "calm.search.reference; float",
        "calm.search.sink-threshold; 0.5",
        "calm.search.sink-threshold; NaN",
        "calm.search.sink-threshold; -1",
        "calm.search.guard; 1",
        "calm.calibration; ''",
        "calm.calibration.samples; 0",
        "calm.calibration.samples; 4097",
        "calm.calibration.length; 7",
        "calm.calibration.length; 32769",
        "calm.calibration.seed; 9223372036854775808",
        "calm.lm-head; int2",
        "calm.threads; 0",
        "calm.threads; 1025",
        "calm.max-context; 7",
        "calm.kv-budget-mb; 0",
        "calm.max-running; 0",
        "calm.max-running; 4097",
        "calm.queue-size; 0",
        "calm.speculate; lookup:0",
        "calm.speculate; lookup:17",
        "calm.speculate; 8",
        "calm.request-timeout; 0",
        "calm.request-timeout; never",
        "calm.slow-reader-timeout; 0",
        "calm.slow-reader-timeout; off",
        "calm.drain-timeout; -1",
        "calm.drain-timeout; 86401",
        "calm.cache-dir; ''",
      })
  void refusesAValueOutOfRangeWithKeyValueAndWhatIsAllowed(String name, String value) {
    SettingsException refused =
        assertThrows(SettingsException.class, () -> CalmSettings.of(Map.of(name, value), Map.of()));

    SettingKey<?> key = SettingKeys.named(name).orElseThrow();
    assertEquals(
        "%s: expected %s, got '%s'; the default is %s"
            .formatted(name, key.allowed(), value, key.defaultText()),
        refused.getMessage());
  }

  @Test
  void refusesAnUnknownKeyAndNamesTheNearest() {
    SettingsException refused =
        assertThrows(
            SettingsException.class,
            () ->
                CalmSettings.of(
                    Map.of("calm.grup", "64", "calm.wholly.different.thing", "1"),
                    Map.of("OPTION_CALM_POOLS", "rtn")));

    String keys = String.join(", ", SettingKeys.all().keySet());
    assertEquals(
        """
        calm.grup: there is no such key (its value is '64'); did you mean calm.group?
        calm.wholly.different.thing: there is no such key (its value is '1'); the keys are %s
        OPTION_CALM_POOLS: there is no such key (its value is 'rtn'); did you mean OPTION_CALM_POOL?"""
            .formatted(keys),
        refused.getMessage());
  }

  @Test
  void namesEveryProblemAtOnceAndWhereTheValueCameFrom() {
    SettingsException refused =
        assertThrows(
            SettingsException.class,
            () ->
                CalmSettings.of(Map.of("calm.group", "7"), Map.of("OPTION_CALM_LM_HEAD", "int9")));

    assertEquals(
        """
        calm.group: expected auto | 32 | 64 | 128, got '7'; the default is auto
        OPTION_CALM_LM_HEAD: expected auto | int8 | int4 | float16 | float32, got 'int9'; the default is auto""",
        refused.getMessage());
  }

  @Test
  void leavesTheOperatorsOtherKeysAlone() {
    assertEquals(
        CalmSettings.of(Map.of(), Map.of()),
        CalmSettings.of(
            Map.of("option.calmness", "high", "option.anything", "x", "engine", "CALM"),
            Map.of("OPTION_MODEL_ID", "s3://bucket/model", "CALM_HOME", "/opt/calm")));
  }

  @Test
  void followsTheOperatorsBatchQueueAndCacheUnlessItsOwnKeyIsGiven() {
    Map<String, String> operators =
        Map.of("option.max_rolling_batch_size", "32", "job_queue_size", "7");
    Map<String, String> environment =
        Map.of(
            "OPTION_MAX_ROLLING_BATCH_SIZE", "16",
            "SERVING_JOB_QUEUE_SIZE", "9",
            "XDG_CACHE_HOME", "/caches");

    CalmSettings fromProperties = CalmSettings.of(operators, environment);
    assertEquals(32, fromProperties.generation().maxRunning());
    assertEquals(7, fromProperties.generation().queueSize());
    assertEquals(Path.of("/caches/calm"), fromProperties.loading().cacheDir());

    CalmSettings fromEnvironment = CalmSettings.of(Map.of(), environment);
    assertEquals(16, fromEnvironment.generation().maxRunning());
    assertEquals(9, fromEnvironment.generation().queueSize());

    Map<String, String> own = new TreeMap<>(operators);
    own.putAll(Map.of("calm.max-running", "3", "calm.queue-size", "5", "calm.cache-dir", "/mine"));
    CalmSettings explicit = CalmSettings.of(own, environment);
    assertEquals(3, explicit.generation().maxRunning());
    assertEquals(5, explicit.generation().queueSize());
    assertEquals(Path.of("/mine"), explicit.loading().cacheDir());
  }

  @ParameterizedTest
  @ValueSource(strings = {"?", ""})
  void aUserWithoutAHomeMustNameTheCache(String home) {
    String before = System.getProperty("user.home");
    System.setProperty("user.home", home);
    try {
      for (Map<String, String> given :
          List.of(Map.<String, String>of(), Map.of("calm.cache-dir", "~/calm"))) {
        String message =
            String.valueOf(
                assertThrows(SettingsException.class, () -> CalmSettings.of(given, Map.of()))
                    .getMessage());
        assertTrue(message.contains("calm.cache-dir: expected a directory"), message);
        assertTrue(message.contains("user.home is '" + home + "'"), message);
        assertTrue(message.contains("OPTION_CALM_CACHE_DIR"), message);
        assertTrue(message.contains("CALM_CACHE"), message);
      }
      Map<String, String> own = Map.of("calm.cache-dir", "/mine");
      assertEquals(Path.of("/mine"), CalmSettings.of(own, Map.of()).loading().cacheDir());
      Map<String, String> xdg = Map.of("XDG_CACHE_HOME", "/caches");
      assertEquals(Path.of("/caches/calm"), CalmSettings.of(Map.of(), xdg).loading().cacheDir());
    } finally {
      System.setProperty("user.home", before);
    }
  }

  @Test
  void hostileKeysAndValuesArePrintable() {
    String hostile = "\u001b[31m\nINFO forged" + "x".repeat(1 << 20);
    for (Map<String, String> values :
        List.of(Map.of("calm.group", hostile), Map.of("calm." + hostile, "1"))) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> CalmSettings.of(values, Map.of()))
              .getMessage();
      assertTrue(message.contains("\\u001b[31m\\nINFO forged"), message);
      assertTrue(message.length() < 2000 && message.indexOf('\u001b') < 0);
    }
  }

  @Test
  void aBackendAndAKernelOfAnotherAreRefused() {
    for (String[] pair :
        new String[][] {{"java", "avx2"}, {"native", "java"}, {"pytorch", "scalar"}}) {
      Map<String, String> values = Map.of("calm.backend", pair[0], "calm.kernel", pair[1]);
      SettingsException e =
          assertThrows(SettingsException.class, () -> CalmSettings.of(values, Map.of()));
      assertTrue(
          e.getMessage()
              .contains(
                  "calm.backend: %s does not run the kernels of calm.kernel=%s"
                      .formatted(pair[0], pair[1])),
          e.getMessage());
    }
    CalmSettings settings =
        CalmSettings.of(Map.of("calm.backend", "java", "calm.kernel", "java"), Map.of());
    assertEquals("java", settings.decoder().forDecoder().kernel());
  }
}
