package io.calm.serving.http;

import io.calm.compare.Comparison;
import io.calm.compare.ShadowShare;
import io.calm.generate.SchedulerStats;
import io.calm.metrics.ModelState;
import io.calm.search.Progress;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Maps the registry's models to the states that metrics report. */
public final class ModelStates {
  private ModelStates() {}

  public static List<ModelState> of(ModelRegistry registry) {
    List<ModelState> states = new ArrayList<>();
    registry
        .all()
        .forEach(
            (name, status) -> {
              states.add(of(name, status));
              twin(name, status).ifPresent(states::add);
            });
    return states;
  }

  /**
   * Returns the state of the uniform twin that answers a share of the requests. A twin of the same
   * variant as the model has no series of its own.
   */
  private static Optional<ModelState> twin(String name, ModelStatus status) {
    return status instanceof ModelStatus.Ready ready
        ? ready
            .model()
            .comparison()
            .shadow()
            .twin()
            .filter(twin -> !twin.variant().equals(ready.model().variant()))
            .map(twin -> of(name, twin))
        : Optional.empty();
  }

  private static ModelState of(String name, ShadowShare.Twin twin) {
    return new ModelState(
        name,
        twin.variant(),
        true,
        Optional.of(scheduling(twin.scheduler().stats())),
        Optional.empty());
  }

  private static List<ModelState.Deviation> deviations(Comparison comparison) {
    return comparison.rows().stream()
        .map(
            row ->
                new ModelState.Deviation(
                    comparison.baseline(),
                    row.phase().text(),
                    row.sequences(),
                    row.deviation().percent() / 100,
                    row.deviation().low() / 100,
                    row.deviation().high() / 100))
        .toList();
  }

  private static ModelState of(String name, ModelStatus status) {
    if (status instanceof ModelStatus.Ready ready) {
      return new ModelState(
          name,
          ready.model().variant(),
          status.answers(),
          Optional.of(scheduling(ready.model().scheduler().stats())),
          Optional.empty(),
          deviations(ready.model().comparison()));
    }
    Optional<ModelState.SearchState> search =
        status instanceof ModelStatus.Loading loading
            ? Optional.of(search(loading.progress().current()))
            : Optional.empty();
    return new ModelState(name, "", false, Optional.empty(), search);
  }

  private static ModelState.Scheduling scheduling(SchedulerStats stats) {
    return new ModelState.Scheduling(
        stats.running(),
        stats.waiting(),
        stats.blocks(),
        stats.usedBlocks(),
        stats.cachedBlocks(),
        stats.promptTokens(),
        stats.sharedTokens(),
        stats.preemptions(),
        stats.steps(),
        stats.stepTokens());
  }

  private static ModelState.SearchState search(Progress moment) {
    Optional<ModelState.Blocks> blocks =
        moment instanceof Progress.BlockPhase phase
            ? Optional.of(
                new ModelState.Blocks(
                    phase.position().block(),
                    phase.position().blocks(),
                    phase.scores().evaluations(),
                    phase.scores().last()))
            : Optional.empty();
    return new ModelState.SearchState(blocks, moment.elapsedSeconds(), moment.etaSeconds());
  }
}
