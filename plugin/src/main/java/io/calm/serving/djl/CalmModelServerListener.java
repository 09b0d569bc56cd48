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
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands models with {@code calm.enabled=true} to the CALM engine, before DJL Serving chooses one.
 *
 * <p>It never throws: a failing listener leaves a model that is registered in the background
 * pending for ever. What is wrong with a model's settings is said by its load.
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
              "{}: registered with engine={}, which wins over calm.enabled=true; leave the engine"
                  + " out of the registration for CALM to serve it",
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

  private static Map<String, String> files(Path directory) {
    try {
      return ModelProperties.read(directory).values();
    } catch (IOException e) {
      logger.warn("{}: left to DJL Serving: {}", directory, e.getMessage());
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
            known -> {
              Path checkpoint =
                  Optional.ofNullable(downloadPath)
                      .orElseGet(
                          () ->
                              new ModelProperties(model.getModelDir(), ModelKeys.merged(file, live))
                                  .checkpoint());
              requireMemory(model.getId(), live, checkpoint, known);
            });
  }

  /** Returns the settings; empty where they are wrong, for the load says so. */
  private static Optional<CalmSettings> settings(
      ModelInfo<?, ?> model, Map<String, String> properties) {
    try {
      return Optional.of(
          new ModelProperties(model.getModelDir(), properties).settings(System.getenv()));
    } catch (IllegalArgumentException refusedByTheLoad) {
      return Optional.empty();
    }
  }

  /** Has DJL Serving check the memory before the load, with our estimate or the operator's own. */
  private static void requireMemory(
      String name, Properties live, Path checkpoint, CalmSettings settings) {
    if (live.containsKey(REQUIRED_MEMORY) || !Files.exists(checkpoint)) {
      return;
    }
    try {
      MemoryEstimate estimate =
          OwnThread.call("calm-estimate-" + name, () -> ModelLoader.estimate(checkpoint, settings));
      live.setProperty(REQUIRED_MEMORY, Long.toString(estimate.mebibytes()));
      logger.info("{}: needs {} MiB of memory: {}", name, estimate.mebibytes(), estimate);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException refusedByTheLoad) {
      logger.debug("{}: its memory cannot be estimated", name, refusedByTheLoad);
    }
  }
}
