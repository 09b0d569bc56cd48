package io.calm.serving.djl;

import ai.djl.serving.wlm.ModelInfo;
import ai.djl.serving.wlm.util.ModelServerListenerAdapter;
import io.calm.serving.load.MemoryEstimate;
import io.calm.serving.load.ModelLoader;
import io.calm.settings.CalmSettings;
import io.calm.settings.ModelProperties;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Assigns models with {@code calm.enabled=true} to the CALM engine before DJL Serving chooses one.
 *
 * <p>It never throws, because DJL Serving would then leave a model that is registered in the
 * background pending forever. Invalid settings are reported by the load.
 */
final class CalmModelServerListener extends ModelServerListenerAdapter {
  private static final String REQUIRED_MEMORY = "required_memory_mb";
  private static final Logger logger = LoggerFactory.getLogger(CalmModelServerListener.class);

  @Override
  public void onModelDownloaded(ModelInfo<?, ?> model, @Nullable Path downloadPath) {
    Properties live = model.getProperties();
    Map<String, String> file = files(model.getModelDir());
    @Nullable String engine = model.getEngineName();
    boolean named = CalmEngine.NAME.equals(engine);
    switch (ModelKeys.owner(ModelKeys.merged(file, live))) {
      case CALM -> {
        if (engine != null && !named) {
          logger.warn(
              "{}: registered with engine={}, which takes precedence over calm.enabled=true;"
                  + " register it without an engine to serve it with CALM",
              model.getId(),
              engine);
          return;
        }
        take(model, live, file, downloadPath);
      }
      case OTHER -> {
        if (named) {
          take(model, live, file, downloadPath);
        }
      }
      case OTHER_WITH_KEYS -> {
        if (named) {
          take(model, live, file, downloadPath);
        } else {
          logger.warn(
              "{}: has calm.* keys without calm.enabled=true; they have no effect", model.getId());
        }
      }
    }
  }

  /**
   * Returns the keys of the files of a model; none if a file cannot be read, or is no properties
   * file in UTF-8. It may belong to another engine. The load of a CALM model refuses it by name.
   */
  static Map<String, String> files(Path directory) {
    try {
      return ModelProperties.read(directory).values();
    } catch (IOException | IllegalArgumentException e) {
      logger.warn("{}: calm.* keys are not read from its files: {}", directory, e.getMessage());
      return Map.of();
    }
  }

  private static void take(
      ModelInfo<?, ?> model,
      Properties live,
      Map<String, String> file,
      @Nullable Path downloadPath) {
    Optional<CalmSettings> settings = settings(model, ModelKeys.merged(file, live));
    int workers = settings.map(known -> known.generation().maxRunning()).orElse(1);
    Map<String, String> overridden = ModelKeys.take(live, file, workers);
    live.setProperty(ModelKeys.NAME, ModelName.of(model.getId(), model.getVersion()));
    live.setProperty(ModelKeys.URL, model.getModelUrl());
    model.setBatchSize(1);
    model.setMinMaxWorkers(workers, workers);
    logger.info(
        "{}: served by CALM: {} workers, batch size 1, continuous batching",
        model.getId(),
        workers);
    overridden.forEach((key, change) -> logger.info("{}: {}: {}", model.getId(), key, change));
    settings
        .filter(known -> known.loading().memoryCheck())
        .ifPresent(
            known ->
                requireMemory(
                    model.getId(),
                    live,
                    () ->
                        Optional.ofNullable(downloadPath)
                            .orElseGet(
                                () ->
                                    new ModelProperties(
                                            model.getModelDir(), ModelKeys.merged(file, live))
                                        .checkpoint()),
                    known));
  }

  /** Returns the settings; empty if they are invalid, which the load reports. */
  private static Optional<CalmSettings> settings(
      ModelInfo<?, ?> model, Map<String, String> properties) {
    try {
      return Optional.of(
          new ModelProperties(model.getModelDir(), properties).settings(System.getenv()));
    } catch (IllegalArgumentException refusedByTheLoad) {
      return Optional.empty();
    }
  }

  /** Makes DJL Serving check the memory before the load, with our estimate or the operator's. */
  private static void requireMemory(
      String name, Properties live, Supplier<Path> path, CalmSettings settings) {
    if (live.containsKey(REQUIRED_MEMORY)) {
      return;
    }
    try {
      Path checkpoint = path.get();
      if (!Files.exists(checkpoint)) {
        return;
      }
      MemoryEstimate estimate =
          DedicatedThread.call(
              "calm-estimate-" + name, () -> ModelLoader.estimate(checkpoint, settings));
      live.setProperty(REQUIRED_MEMORY, Long.toString(estimate.mebibytes()));
      logger.info("{}: needs {} MiB of memory: {}", name, estimate.mebibytes(), estimate);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException refusedByTheLoad) {
      logger.debug("{}: cannot estimate its memory", name, refusedByTheLoad);
    }
  }
}
