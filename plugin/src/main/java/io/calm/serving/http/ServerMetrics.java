package io.calm.serving.http;

import io.calm.kernels.BuildInfo;
import io.calm.metrics.CalmMetrics;
import io.calm.metrics.LoadMeter;
import io.calm.metrics.ServerState;
import io.calm.search.Progress;
import io.calm.serving.load.LoadFacts;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.prometheus.client.CollectorRegistry;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

/** The metrics of a server and the loader that reports to them. */
public final class ServerMetrics {
  private ServerMetrics() {}

  /** Loads the native kernels at the first scrape, not at the start of a server. */
  private static final class Build {
    static final ServerState.Build THIS =
        new ServerState.Build(
            Optional.ofNullable(ServerMetrics.class.getPackage().getImplementationVersion())
                .orElse("unpackaged"),
            BuildInfo.current().commitText(),
            LoadFacts.kernels());
  }

  /** Creates the metrics of a registry's models. */
  public static CalmMetrics create(ModelRegistry registry) {
    return new CalmMetrics(
        new CollectorRegistry(),
        () -> ModelStates.of(registry),
        () -> new ServerState(Build.THIS, LoadFacts.artifactLookups()));
  }

  /** Returns a loader that loads as {@code loader} does and reports its phases to the metrics. */
  public static ModelLoader.Loader metered(ModelLoader.Loader loader, CalmMetrics metrics) {
    return new Metered(loader, metrics);
  }

  private record Metered(ModelLoader.Loader loader, CalmMetrics metrics)
      implements ModelLoader.Loader {
    @Override
    public ServedModel load(ModelLoader.Order order, Consumer<Progress> progress) {
      return measured(order, progress, watched -> loader.load(order, watched));
    }

    @Override
    public void search(ModelLoader.Order order, Consumer<Progress> progress) {
      measured(
          order,
          progress,
          watched -> {
            loader.search(order, watched);
            return true;
          });
    }

    private <T> T measured(
        ModelLoader.Order order,
        Consumer<Progress> progress,
        Function<Consumer<Progress>, T> work) {
      // The meter is looked up each time: a scrape drops it if the model was not registered yet.
      try {
        return work.apply(
            moment -> {
              report(metrics.loads(order.name()), moment);
              progress.accept(moment);
            });
      } finally {
        metrics.loads(order.name()).end();
      }
    }
  }

  private static void report(LoadMeter meter, Progress moment) {
    int scored = moment instanceof Progress.BlockPhase phase ? phase.scores().evaluations() : 0;
    String name = moment.phase();
    meter.report(name.startsWith("waiting") ? "waiting" : name, scored);
  }
}
