package io.calm.cli;

import io.calm.cli.terminal.ProgressBar;
import io.calm.search.Progress;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.load.ModelLoads;
import io.calm.serving.model.LoadCancelledException;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;

/** Loads the models of a command line and waits for them. */
final class StartupModels {
  private StartupModels() {}

  /**
   * Loads all models concurrently and shows the progress of the first unfinished one. Returns the
   * models that became ready. A load that is cancelled, because its model is unregistered or the
   * server stops, ends no other.
   *
   * @throws Exception if a model cannot be loaded
   */
  static List<ServedModel> load(
      List<ModelLoader.Order> orders, ModelRegistry registry, ModelLoads loads) throws Exception {
    AtomicInteger shown = new AtomicInteger();
    try (ProgressBar bar = ProgressBar.open()) {
      List<CompletableFuture<ServedModel>> futures = new ArrayList<>();
      for (int i = 0; i < orders.size(); i++) {
        int index = i;
        registry.startedWith(orders.get(i).name());
        futures.add(
            loads.start(
                orders.get(i),
                ModelLoads.OnFailure.KEEP,
                moment -> show(bar, moment, index == shown.get())));
      }
      List<ServedModel> served = new ArrayList<>();
      for (CompletableFuture<ServedModel> future : futures) {
        await(future).ifPresent(served::add);
        shown.incrementAndGet();
      }
      return served;
    }
  }

  private static void show(ProgressBar bar, Progress moment, boolean itsTurn) {
    if (itsTurn) {
      bar.accept(moment);
    }
  }

  /** Waits for a load. Returns its model; empty if the load was cancelled. */
  private static Optional<ServedModel> await(CompletableFuture<ServedModel> load) throws Exception {
    try {
      return Optional.of(load.get());
    } catch (ExecutionException e) {
      if (e.getCause() instanceof LoadCancelledException) {
        return Optional.empty();
      }
      if (e.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw e;
    }
  }
}
