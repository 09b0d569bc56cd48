package io.calm.testing;

import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.LmiOptions;
import io.calm.settings.CalmSettings;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** The test model {@code calm-tiny-llama}, whose context has 1024 tokens. */
public final class TinyLlama {
  public static final Path DIRECTORY = Repository.path("models/calm-tiny-llama");

  private TinyLlama() {}

  /**
   * Returns the order to load it as {@code m}, rounded to nearest: without a search and PyTorch.
   *
   * @param more settings in addition to these, or instead of them
   */
  public static ModelLoader.Order rounded(Path cache, Map<String, String> more) {
    Map<String, String> settings =
        new TreeMap<>(
            Map.of(
                "calm.cache-dir", cache.toString(),
                "calm.algorithm", "rtn",
                "calm.lm-head", "int8",
                "calm.compare.probe", "off",
                "calm.kv-budget-mb", "8"));
    settings.putAll(more);
    return new ModelLoader.Order(
        "m", "/m", DIRECTORY, CalmSettings.of(settings, Map.of()), LmiOptions.DEFAULT, false);
  }
}
