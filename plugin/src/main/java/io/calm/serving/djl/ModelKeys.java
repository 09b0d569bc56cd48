package io.calm.serving.djl;

import io.calm.settings.SettingKey;
import io.calm.settings.SettingKeys;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;

/**
 * What the listener does to a model's properties, apart from DJL Serving's types.
 *
 * <p>There are as many workers as sequences can run: each holds a request, until its answer has
 * begun, that the one scheduler runs; so the batching is the scheduler's and the batch size 1.
 * {@code cpu.} and {@code gpu.} keys are set too, for they beat the plain ones.
 */
final class ModelKeys {
  /** Hands the registered name to the model, which DJL does not tell. */
  static final String NAME = "calm-model-name";

  /** Hands the registered URL to the model. */
  static final String URL = "calm-model-url";

  private static final List<String> WORKER_KEYS =
      List.of(
          "minWorkers",
          "maxWorkers",
          "cpu.minWorkers",
          "cpu.maxWorkers",
          "gpu.minWorkers",
          "gpu.maxWorkers");

  private static final String ENABLED = "calm.enabled";

  private ModelKeys() {}

  /** Whose a model is. */
  enum Owner {
    /** Ours. */
    CALM,
    /** Another engine's: {@code calm.enabled} is not given, or false. */
    OTHER,
    /** Another engine's, though it has {@code calm.*} keys. */
    OTHER_WITH_KEYS
  }

  /**
   * Decides by {@code calm.enabled}. Any value but {@code false} is ours, and so is a model with a
   * misspelt key: loading it then refuses the value or the key by name, which a listener cannot.
   */
  static Owner owner(Map<String, String> properties) {
    SettingKey<?> key = SettingKeys.named(ENABLED).orElseThrow();
    Optional<String> enabled =
        Optional.ofNullable(properties.get(ENABLED))
            .or(() -> Optional.ofNullable(properties.get(key.optionKey())));
    if (enabled.isPresent()) {
      boolean off = enabled.get().strip().toLowerCase(Locale.ROOT).equals("false");
      return off ? Owner.OTHER : Owner.CALM;
    }
    List<String> own =
        properties.keySet().stream().filter(name -> name.startsWith(SettingKey.PREFIX)).toList();
    if (own.stream().anyMatch(name -> SettingKeys.named(name).isEmpty())) {
      return Owner.CALM;
    }
    return own.isEmpty() ? Owner.OTHER : Owner.OTHER_WITH_KEYS;
  }

  /** Returns the two together; {@code live} wins. */
  static Map<String, String> merged(Map<String, String> file, Properties live) {
    Map<String, String> merged = new TreeMap<>(file);
    live.stringPropertyNames().forEach(name -> merged.put(name, live.getProperty(name)));
    return merged;
  }

  /**
   * DJL Serving adds LMI's {@code option.max_rolling_batch_size} after the listener, where the
   * operator gave none: our own default is written down before, or LMI's would look like a wish.
   */
  private static void keepLmiDefaultsOut(Properties live) {
    SettingKey<?> running = SettingKeys.named("calm.max-running").orElseThrow();
    if (!live.containsKey("option.max_rolling_batch_size")
        && !live.containsKey(running.optionKey())) {
      live.putIfAbsent(running.name(), running.defaultText());
    }
  }

  /**
   * Makes the properties those of a model of ours.
   *
   * @param workers how many it gets
   * @return what was changed that the operator had set otherwise, in order, for the log
   */
  static Map<String, String> take(Properties live, Map<String, String> file, int workers) {
    file.forEach(live::putIfAbsent);
    keepLmiDefaultsOut(live);
    Map<String, String> forced = new TreeMap<>();
    forced.put("engine", CalmEngine.NAME);
    forced.put("batch_size", "1");
    WORKER_KEYS.forEach(key -> forced.put(key, Integer.toString(workers)));
    Map<String, String> overridden = new TreeMap<>();
    forced.forEach(
        (key, value) -> {
          Object before = live.put(key, value);
          if (before != null && !before.equals(value)) {
            overridden.put(key, before + " -> " + value);
          }
        });
    Object batch = live.remove("max_dynamic_batch_size");
    if (batch != null) {
      overridden.put("max_dynamic_batch_size", batch + " -> removed");
    }
    return overridden;
  }
}
