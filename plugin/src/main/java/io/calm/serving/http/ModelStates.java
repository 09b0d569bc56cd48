package io.calm.serving.http;

import io.calm.compare.Comparison;
import io.calm.compare.ShadowShare;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerStats;
import io.calm.metrics.ModelState;
import io.calm.search.Progress;
import io.calm.search.QuantPlan;
import io.calm.serving.model.BackgroundSearch;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

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
        name, twin.variant(), true, Optional.of(scheduling(twin.scheduler())), Optional.empty());
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
          Optional.of(scheduling(ready.model().scheduler())),
          ready
              .search()
              .filter(BackgroundSearch.Running.class::isInstance)
              .map(BackgroundSearch.Running.class::cast)
              .map(running -> search(running.progress().current())),
          ready.model().plan().map(ModelStates::plan),
          ready.model().artifact().map(a -> new ModelState.Artifact(a.bytes(), a.created())),
          deviations(ready.model().comparison()));
    }
    Optional<ModelState.SearchState> search =
        status instanceof ModelStatus.Loading loading
            ? Optional.of(search(loading.progress().current()))
            : Optional.empty();
    return new ModelState(name, "", false, Optional.empty(), search);
  }

  private static ModelState.Scheduling scheduling(Scheduler scheduler) {
    SchedulerStats stats = scheduler.stats();
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
        stats.stepTokens(),
        stats.stepSequences(),
        stats.proposedTokens(),
        stats.acceptedTokens(),
        new ModelState.Limits(scheduler.settings().maxRunning(), scheduler.settings().queueSize()));
  }

  private static ModelState.Plan plan(QuantPlan plan) {
    return new ModelState.Plan(
        plan.metric().setting(),
        plan.group(),
        plan.head().format().setting(),
        plan.blocks().stream().map(ModelStates::block).toList());
  }

  private static ModelState.Plan.Block block(QuantPlan.BlockChoice choice) {
    QuantPlan.@Nullable Candidate chosen = choice.candidates().get(choice.algorithm());
    return new ModelState.Plan.Block(
        choice.block(), choice.algorithm(), chosen == null ? Double.NaN : chosen.score());
  }

  private static ModelState.SearchState search(Progress moment) {
    Optional<ModelState.Blocks> blocks =
        moment instanceof Progress.BlockPhase phase
            ? Optional.of(
                new ModelState.Blocks(
                    phase.position().block(), phase.position().blocks(), phase.scores().last()))
            : Optional.empty();
    return new ModelState.SearchState(blocks, moment.elapsedSeconds(), moment.etaSeconds());
  }
}
