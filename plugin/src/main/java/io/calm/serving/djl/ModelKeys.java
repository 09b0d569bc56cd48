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
 * The listener's changes to a model's properties, without DJL Serving's types.
 *
 * <p>There are as many workers as sequences can run, because each holds a request of the one
 * scheduler until its answer begins. The scheduler does the batching, so the batch size is 1. The
 * {@code cpu.} and {@code gpu.} keys are set too, because they take precedence over the plain ones.
 */
final class ModelKeys {
  /** The property that passes the registered name to the model, which DJL does not. */
  static final String NAME = "calm-model-name";

  /** The property that passes the registered URL to the model. */
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

  /** The engine that a model belongs to. */
  enum Owner {
    /** CALM. */
    CALM,
    /** Another engine: {@code calm.enabled} is absent or false. */
    OTHER,
    /** Another engine, although the model has {@code calm.*} keys. */
    OTHER_WITH_KEYS
  }

  /**
   * Decides by {@code calm.enabled}. Any value but {@code false} selects CALM, and so does a
   * misspelt key: the load then refuses the value or the key by name, which a listener cannot.
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

  /** Returns both maps merged; {@code live} takes precedence. */
  static Map<String, String> merged(Map<String, String> file, Properties live) {
    Map<String, String> merged = new TreeMap<>(file);
    live.stringPropertyNames().forEach(name -> merged.put(name, live.getProperty(name)));
    return merged;
  }

  /**
   * Sets our default of {@code option.max_rolling_batch_size} if the operator set none. Otherwise
   * DJL Serving adds LMI's default after the listener, which would look like the operator's.
   */
  private static void keepLmiDefaultsOut(Properties live) {
    SettingKey<?> running = SettingKeys.named("calm.max-running").orElseThrow();
    if (!live.containsKey("option.max_rolling_batch_size")
        && !live.containsKey(running.optionKey())) {
      live.putIfAbsent(running.name(), running.defaultText());
    }
  }

  /**
   * Changes the properties to those of a CALM model.
   *
   * @param workers number of workers
   * @return the operator's values that were changed, in order, for the log
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
