package io.calm.serving.model;

import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The models of this process by name. A load is {@link #loading}, then {@link #ready} or {@link
 * #failed}. A model that is removed has no name any more, but its requests under way end first.
 * Thread safe; knows nothing of how models are loaded.
 */
public final class ModelRegistry implements AutoCloseable {
  private final Map<String, ModelStatus> models = new ConcurrentHashMap<>();
  private final Set<String> startup = ConcurrentHashMap.newKeySet();
  private volatile boolean stopping;
  private int unloading;

  /**
   * Announces a model that is being loaded.
   *
   * @return where the loader reports
   * @throws IllegalStateException if a model of this name is loading or ready, or the server stops
   */
  public LoadProgress loading(String name, String url) {
    if (stopping) {
      throw new IllegalStateException(
          "model %s cannot be loaded: the server is stopping".formatted(name));
    }
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

  /** Makes a model answer under its name; unloads the one that it replaces. */
  public void ready(ServedModel model) {
    unload(models.put(model.name(), new ModelStatus.Ready(model)), model);
  }

  /**
   * Makes a model answer if its load is still wanted, else unloads it.
   *
   * @param load what {@link #loading} returned
   * @throws LoadCancelledException if the model was removed meanwhile
   */
  public void ready(LoadProgress load, ServedModel model) {
    if (!settle(model.name(), load, new ModelStatus.Ready(model))) {
      unload(model);
      throw new LoadCancelledException(
          "model %s was unregistered while it was being loaded".formatted(model.name()));
    }
  }

  /** Notes why a model could not be loaded. */
  public void failed(String name, String url, String reason) {
    models.put(name, new ModelStatus.Failed(url, reason));
  }

  /** Notes why a load failed, unless the model was removed meanwhile. */
  public void failed(LoadProgress load, String name, String url, String reason) {
    settle(name, load, new ModelStatus.Failed(url, reason));
  }

  /** Forgets a load, unless the model was removed, and perhaps registered again, meanwhile. */
  public void forget(LoadProgress load, String name) {
    models.computeIfPresent(name, (key, old) -> isLoad(old, load) ? null : old);
  }

  private boolean settle(String name, LoadProgress load, ModelStatus end) {
    return models.computeIfPresent(name, (key, old) -> isLoad(old, load) ? end : old) == end;
  }

  private static boolean isLoad(ModelStatus status, LoadProgress load) {
    return status instanceof ModelStatus.Loading loading && loading.progress().equals(load);
  }

  /**
   * Forgets a model and returns whether there was one. It takes no more requests from here on; a
   * thread of its own lets those under way end, as {@link ServedModel#unload}. A load is cancelled.
   */
  public boolean remove(String name) {
    ModelStatus old = models.remove(name);
    startup.remove(name);
    if (old instanceof ModelStatus.Ready ready) {
      unload(ready.model());
    } else if (old instanceof ModelStatus.Loading loading) {
      loading.progress().cancel();
    }
    return old != null;
  }

  /** Notes that the server was started with the model of that name. */
  public void startedWith(String name) {
    startup.add(name);
  }

  /** Returns whether the server was started with the model of that name. */
  public boolean wasStartedWith(String name) {
    return startup.contains(name);
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

  /** Returns whether there is a model and all answer requests; never once the server stops. */
  public boolean allReady() {
    Map<String, ModelStatus> all = all();
    return !stopping && !all.isEmpty() && all.values().stream().allMatch(ModelStatus::answers);
  }

  /**
   * Ends all models before the process ends: they keep their names and refuse requests, loads are
   * cancelled, and requests under way end within each model's limit. Waits for that.
   *
   * @throws InterruptedException if the thread is interrupted; models end all the same
   */
  public void drain() throws InterruptedException {
    stopping = true;
    for (ModelStatus status : all().values()) {
      if (status instanceof ModelStatus.Ready ready) {
        unload(ready.model());
      } else if (status instanceof ModelStatus.Loading loading) {
        loading.progress().cancel();
      }
    }
    awaitUnloaded();
  }

  /** Waits until every model that was removed, replaced or drained has given back its memory. */
  public synchronized void awaitUnloaded() throws InterruptedException {
    while (unloading > 0) {
      wait();
    }
  }

  /** Ends all models at once, their requests too, without waiting. */
  @Override
  public void close() {
    models.values().removeIf(this::closed);
  }

  private boolean closed(ModelStatus status) {
    if (status instanceof ModelStatus.Ready ready) {
      ready.model().close();
    } else if (status instanceof ModelStatus.Loading loading) {
      loading.progress().cancel();
    }
    return true;
  }

  private void unload(@Nullable ModelStatus old, ServedModel by) {
    if (old instanceof ModelStatus.Ready ready
        && !ready.model().scheduler().equals(by.scheduler())) {
      unload(ready.model());
    }
  }

  private void unload(ServedModel model) {
    count(1);
    try {
      model.unload(() -> count(-1));
    } catch (RuntimeException | Error e) { // e.g. no thread: nobody will count it off
      count(-1);
      throw e;
    }
  }

  private synchronized void count(int more) {
    unloading += more;
    notifyAll();
  }
}
