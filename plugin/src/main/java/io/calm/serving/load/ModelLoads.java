package io.calm.serving.load;

import io.calm.search.Progress;
import io.calm.serving.model.LoadCancelledException;
import io.calm.serving.model.LoadProgress;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads models in the background, each on a thread of its own, and reports to the registry.
 * Requests to other models continue meanwhile. Thread safe.
 */
public final class ModelLoads {
  private static final Logger logger = LoggerFactory.getLogger(ModelLoads.class);

  private final ModelRegistry registry;
  private final WarmLoader loader;
  private final Consumer<ServedModel> swapped;

  public ModelLoads(ModelRegistry registry, ModelLoader.Loader loader) {
    this(registry, loader, model -> {});
  }

  /**
   * @param swapped receives every model that replaces the one that answered during its search; it
   *     must not wait
   */
  public ModelLoads(
      ModelRegistry registry, ModelLoader.Loader loader, Consumer<ServedModel> swapped) {
    this.registry = registry;
    this.loader = new WarmLoader(registry, loader);
    this.swapped = swapped;
  }

  /** The fate of the name of a load that fails. */
  public enum OnFailure {
    /** The name remains registered, with the reason of the failure. */
    KEEP,
    /** The name is free again. */
    FORGET
  }

  /**
   * Registers a model and starts to load it, without waiting.
   *
   * @param watcher receives every step in addition to the registry, on the thread of the load
   * @return the model, once it is ready; or the exception of the load, which {@link LoadErrors}
   *     translates
   * @throws ApiException if a model of this name is loading or ready, or the server stops
   */
  public CompletableFuture<ServedModel> start(
      ModelLoader.Order order, OnFailure onFailure, Consumer<Progress> watcher) {
    Load load = new Load(order, onFailure, watcher, announce(order));
    Thread thread = new Thread(load, "calm-load-" + order.name());
    thread.setDaemon(true);
    thread.start();
    return load.result;
  }

  private LoadProgress announce(ModelLoader.Order order) {
    try {
      return registry.loading(order.name(), order.url());
    } catch (IllegalStateException taken) {
      throw new ApiException(ApiException.Kind.CONFLICT, String.valueOf(taken.getMessage()));
    } catch (LoadCancelledException stopping) {
      throw LoadErrors.of(stopping);
    }
  }

  private final class Load implements Runnable {
    private final ModelLoader.Order order;
    private final OnFailure onFailure;
    private final Consumer<Progress> watcher;
    private final LoadProgress progress;
    private final CompletableFuture<ServedModel> result = new CompletableFuture<>();

    Load(
        ModelLoader.Order order,
        OnFailure onFailure,
        Consumer<Progress> watcher,
        LoadProgress progress) {
      this.order = order;
      this.onFailure = onFailure;
      this.watcher = watcher;
      this.progress = progress;
    }

    @Override
    public void run() {
      logger.debug("{}: loading {}", order.name(), order.url());
      try {
        ServedModel model = loader.load(order, progress, watcher, swapped);
        logger.info("{}: ready, loaded from {}", order.name(), order.url());
        result.complete(model);
      } catch (Throwable e) {
        Throwable failure = progress.reason(e);
        try {
          failed(failure);
        } finally {
          result.completeExceptionally(failure); // also if reporting fails: a caller waits for it
        }
      }
    }

    private void failed(Throwable failure) {
      ApiException error = LoadErrors.log(order.name(), order.url(), failure);
      if (onFailure == OnFailure.FORGET) {
        registry.forget(progress, order.name());
      } else {
        registry.failed(progress, order.name(), order.url(), error.getMessage());
      }
    }
  }
}
