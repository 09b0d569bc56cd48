package io.calm.serving;

import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The models of this process by name. A load is {@link #loading}, then {@link #ready} or {@link
 * #failed}. Thread safe; knows nothing of how models are loaded.
 */
public final class ModelRegistry implements AutoCloseable {
  private final Map<String, ModelStatus> models = new ConcurrentHashMap<>();

  /**
   * Announces a model that is being loaded.
   *
   * @return where the loader reports
   * @throws IllegalStateException if a model of this name is loading or ready
   */
  public LoadProgress loading(String name, String url) {
    LoadProgress progress = new LoadProgress();
    models.compute(
        name,
        (key, old) -> {
          if (old != null && !(old instanceof ModelStatus.Failed)) {
            throw new IllegalStateException(
                "model %s is already registered from %s; unregister it first"
                    .formatted(name, old.url()));
          }
          return new ModelStatus.Loading(url, progress);
        });
    return progress;
  }

  /** Makes a model answer under its name; closes the one that it replaces. */
  public void ready(ServedModel model) {
    close(models.put(model.name(), new ModelStatus.Ready(model)), model);
  }

  /** Notes why a model could not be loaded. */
  public void failed(String name, String url, String reason) {
    models.put(name, new ModelStatus.Failed(url, reason));
  }

  /** Forgets a model and closes it; returns whether there was one. */
  public boolean remove(String name) {
    ModelStatus old = models.remove(name);
    if (old instanceof ModelStatus.Ready ready) {
      ready.model().close();
    }
    return old != null;
  }

  public Optional<ModelStatus> status(String name) {
    return Optional.ofNullable(models.get(name));
  }

  /** Returns a snapshot, ordered by name. */
  public Map<String, ModelStatus> all() {
    return Collections.unmodifiableMap(new TreeMap<>(models));
  }

  /** Returns the only model's name; empty where there is none or more than one. */
  public Optional<String> onlyName() {
    Map<String, ModelStatus> all = all();
    return all.size() == 1 ? Optional.of(all.keySet().iterator().next()) : Optional.empty();
  }

  /** Returns whether there is a model and all answer requests. */
  public boolean allReady() {
    Map<String, ModelStatus> all = all();
    return !all.isEmpty() && all.values().stream().allMatch(ModelStatus.Ready.class::isInstance);
  }

  /** Closes all models, without waiting for their last requests. */
  @Override
  public void close() {
    all().keySet().forEach(this::remove);
  }

  private static void close(@org.jspecify.annotations.Nullable ModelStatus old, ServedModel by) {
    if (old instanceof ModelStatus.Ready ready
        && !ready.model().scheduler().equals(by.scheduler())) {
      ready.model().close();
    }
  }
}
