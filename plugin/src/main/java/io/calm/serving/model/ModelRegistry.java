package io.calm.serving.model;

import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The models of this process by name. A load is {@link #loading}, then {@link #ready} or {@link
 * #failed}. A removed model loses its name at once, and ends after its requests in flight. The
 * registry does not know how models are loaded. Thread safe.
 */
public final class ModelRegistry implements AutoCloseable {
  private final Map<String, ModelStatus> models = new ConcurrentHashMap<>();
  private final Set<String> startup = ConcurrentHashMap.newKeySet();
  private final Object swaps = new Object(); // held while a model replaces another or is removed
  private volatile boolean stopping;
  private int unloading;

  /**
   * Registers a model that is being loaded.
   *
   * @return receiver of the load's progress
   * @throws IllegalStateException if a model of this name is loading or ready
   * @throws LoadCancelledException if the server stops
   */
  public LoadProgress loading(String name, String url) {
    LoadProgress progress = new LoadProgress();
    synchronized (swaps) {
      if (stopping) {
        throw LoadCancelledException.stopping(name);
      }
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
    }
    return progress;
  }

  /** Registers a model as ready. Unloads the model that it replaces. */
  public void ready(ServedModel model) {
    unload(models.put(model.name(), new ModelStatus.Ready(model)), model);
  }

  /**
   * Registers a model as ready if its load is still wanted; otherwise unloads it.
   *
   * @param load result of {@link #loading}
   * @throws LoadCancelledException if the model was removed meanwhile, or the server stops
   */
  public void ready(LoadProgress load, ServedModel model) {
    ready(load, new ModelStatus.Ready(model));
  }

  /**
   * Registers a model as ready that another one replaces after a search, if its load is still
   * wanted; otherwise unloads it.
   *
   * @param load result of {@link #loading}
   * @param search receiver of the search's progress; it is cancelled when the model is removed
   * @throws LoadCancelledException if the model was removed meanwhile, or the server stops
   */
  public void ready(LoadProgress load, ServedModel model, LoadProgress search) {
    ready(load, new ModelStatus.Ready(model, new BackgroundSearch.Running(search)));
  }

  private void ready(LoadProgress load, ModelStatus.Ready status) {
    String name = status.model().name();
    boolean stops;
    boolean wanted;
    synchronized (swaps) { // drain() ends what is ready when it begins, and nothing later
      stops = stopping;
      wanted = !stops && settle(name, load, status);
    }
    if (!wanted) {
      unload(status);
      throw stops
          ? LoadCancelledException.stopping(name)
          : new LoadCancelledException(
              LoadCancelledException.Reason.UNREGISTERED,
              "model %s was unregistered while it was being loaded".formatted(name));
    }
  }

  /**
   * Replaces a model by the result of its search, in one step. The requests of the old model finish
   * on it; requests from now on are answered by the new one, also those that were prepared for the
   * old one. The new model must have the old one's tokenizer.
   *
   * @param replaced called while no model can be removed
   * @throws LoadCancelledException if the model was removed meanwhile, or the server stops; the new
   *     model is then closed
   */
  public void swap(LoadProgress search, ServedModel model, Runnable replaced) {
    Optional<ServedModel> old;
    Optional<Predecessor> predecessor;
    boolean stops;
    synchronized (swaps) {
      stops = stopping;
      old = stops ? Optional.empty() : searched(model.name(), search);
      predecessor = old.map(Predecessor::new);
      if (old.isPresent()) {
        old.get().replacement().set(model); // first: a request finds one of the two in the map
        models.put(model.name(), new ModelStatus.Ready(model, Optional.empty(), predecessor));
        unloadReplaced(old.get(), predecessor.orElseThrow());
        replaced.run();
      }
    }
    if (old.isEmpty()) {
      model.close();
      throw stops
          ? LoadCancelledException.stopping(model.name())
          : new LoadCancelledException(
              LoadCancelledException.Reason.UNREGISTERED,
              "model %s was unregistered during its search".formatted(model.name()));
    }
  }

  /** Ends a model that another one has replaced. Returns at once. */
  private void unloadReplaced(ServedModel old, Predecessor predecessor) {
    count(1);
    try {
      Unloading.startReplaced(old, () -> unloaded(predecessor));
    } catch (RuntimeException | Error e) { // e.g. no thread: the callback will not run
      unloaded(predecessor);
      throw e;
    }
  }

  /** Records the reason that the search of a model failed, unless the model was removed. */
  public void searchFailed(LoadProgress search, String name, String reason) {
    synchronized (swaps) {
      searched(name, search)
          .ifPresent(
              model ->
                  models.put(
                      name, new ModelStatus.Ready(model, new BackgroundSearch.Failed(reason))));
    }
  }

  /** Returns the model that answers during a search. */
  private Optional<ServedModel> searched(String name, LoadProgress search) {
    return models.get(name) instanceof ModelStatus.Ready ready
            && ready.search().equals(Optional.of(new BackgroundSearch.Running(search)))
        ? Optional.of(ready.model())
        : Optional.empty();
  }

  /** Removes a model as {@link #remove(String)} does, if it is still the given one. */
  public void removeIf(String name, Supplier<ServedModel> model) {
    synchronized (swaps) {
      if (models.get(name) instanceof ModelStatus.Ready ready
          && ready.model().equals(model.get())) {
        remove(name);
      }
    }
  }

  /** Records the reason that a load failed, unless the model was removed meanwhile. */
  public void failed(LoadProgress load, String name, String url, String reason) {
    settle(name, load, new ModelStatus.Failed(url, reason));
  }

  /** Removes a load, unless the model was removed, and perhaps registered again, meanwhile. */
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
   * Removes a model and returns whether there was one. The model accepts no further requests.
   * Another thread waits for its requests in flight for at most {@link
   * ServedModel.Limits#drainTimeout}, cancels the rest, and frees the memory. A load is cancelled.
   */
  public boolean remove(String name) {
    ModelStatus old;
    synchronized (swaps) {
      old = models.remove(name);
    }
    if (old != null) {
      end(name, old);
    }
    return old != null;
  }

  /** Removes a model as {@link #remove(String)} does, if its status is still the given one. */
  public void remove(String name, ModelStatus status) {
    boolean removed;
    synchronized (swaps) {
      removed = models.remove(name, status);
    }
    if (removed) {
      end(name, status);
    }
  }

  private void end(String name, ModelStatus removed) {
    startup.remove(name);
    cancel(removed, LoadCancelledException.Reason.UNREGISTERED);
    if (removed instanceof ModelStatus.Ready ready) {
      unload(ready);
    }
  }

  /** Records that the server was started with the model of that name. */
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

  /** Returns the name of the only model; empty if there is none or more than one. */
  public Optional<String> onlyName() {
    Map<String, ModelStatus> all = all();
    return all.size() == 1 ? Optional.of(all.keySet().iterator().next()) : Optional.empty();
  }

  /**
   * Returns whether there is at least one model and all are ready. Returns false once the server
   * stops.
   */
  public boolean allReady() {
    Map<String, ModelStatus> all = all();
    return !stopping && !all.isEmpty() && all.values().stream().allMatch(ModelStatus::answers);
  }

  /** Returns whether {@link #drain} has begun. */
  public boolean isStopping() {
    return stopping;
  }

  /**
   * Ends all models before the process ends, and waits for that. They keep their names and refuse
   * requests. Loads are cancelled, and requests in flight finish within the limit of their model. A
   * second call only waits.
   *
   * @throws InterruptedException if the thread is interrupted; the models end nevertheless
   */
  public void drain() throws InterruptedException {
    synchronized (swaps) {
      if (!stopping) {
        stopping = true;
        models.values().forEach(this::drained);
      }
    }
    awaitUnloaded();
  }

  private void drained(ModelStatus status) {
    cancel(status, LoadCancelledException.Reason.STOPPING);
    if (status instanceof ModelStatus.Ready ready) {
      unload(ready);
    }
  }

  /** Cancels the load or the search of a model, if there is one. */
  private static void cancel(ModelStatus status, LoadCancelledException.Reason reason) {
    if (status instanceof ModelStatus.Ready ready) {
      ready.search().ifPresent(search -> search.cancel(reason));
    } else if (status instanceof ModelStatus.Loading loading) {
      loading.progress().cancel(reason);
    }
  }

  /** Waits until the memory of all models that were removed, replaced or drained is freed. */
  public synchronized void awaitUnloaded() throws InterruptedException {
    while (unloading > 0) {
      wait();
    }
  }

  /** Ends all models and their requests at once, without waiting. */
  @Override
  public void close() {
    synchronized (swaps) {
      models.values().removeIf(this::closed);
    }
  }

  private boolean closed(ModelStatus status) {
    cancel(status, LoadCancelledException.Reason.STOPPING);
    if (status instanceof ModelStatus.Ready ready) {
      ready.model().close();
    }
    return true;
  }

  private void unload(@Nullable ModelStatus old, ServedModel by) {
    if (old instanceof ModelStatus.Ready ready
        && !ready.model().scheduler().equals(by.scheduler())) {
      cancel(ready, LoadCancelledException.Reason.UNREGISTERED);
      unload(ready);
    }
  }

  private void unload(ModelStatus.Ready status) {
    count(1);
    try {
      Unloading.start(status.model(), status.predecessor(), () -> count(-1));
    } catch (RuntimeException | Error e) { // e.g. no thread: the callback will not run
      count(-1);
      throw e;
    }
  }

  private void unloaded(Predecessor predecessor) {
    predecessor.unloaded();
    count(-1);
  }

  private synchronized void count(int more) {
    unloading += more;
    notifyAll();
  }
}
