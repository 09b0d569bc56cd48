package io.calm.serving.http;

import io.calm.compare.ShadowShare;
import io.calm.compare.TwinComparison;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerStats;
import io.calm.metrics.ModelState;
import io.calm.report.ReportSource;
import io.calm.search.Progress;
import io.calm.search.QuantPlan;
import io.calm.serving.model.BackgroundSearch;
import io.calm.serving.model.LoadProgress;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.Predecessor;
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
              if (status instanceof ModelStatus.Ready ready) {
                others(name, ready).forEach(states::add);
              }
            });
    return states;
  }

  /** Returns the states of the variants that answer, or have answered, beside the served one. */
  private static List<ModelState> others(String name, ModelStatus.Ready ready) {
    Optional<ShadowShare.Twin> twin = otherTwin(ready);
    List<ModelState> others = new ArrayList<>();
    twin.ifPresent(t -> others.add(of(name, t, countersOfBefore(ready, t.variant()))));
    ready
        .predecessor()
        .filter(before -> !before.variant().equals(ready.model().variant()))
        .filter(
            before -> !twin.map(ShadowShare.Twin::variant).equals(Optional.of(before.variant())))
        .ifPresent(
            before ->
                others.add(
                    ModelState.retired(
                        name,
                        before.variant(),
                        scheduling(before.stats(), new ModelState.Limits(0, 0)))));
    return others;
  }

  /**
   * Returns the uniform twin that answers a share of the requests, or did. A twin of the same
   * variant as the model has no series of its own.
   */
  private static Optional<ShadowShare.Twin> otherTwin(ModelStatus.Ready ready) {
    return ready
        .model()
        .comparison()
        .shadow()
        .started()
        .filter(twin -> !twin.variant().equals(ready.model().variant()));
  }

  private static ModelState of(String name, ShadowShare.Twin twin, SchedulerStats before) {
    ModelState.Scheduling scheduling =
        scheduling(twin.stats().plus(before), limits(twin.scheduler()));
    return twin.answers()
        ? new ModelState(name, twin.variant(), true, Optional.of(scheduling), Optional.empty())
        : ModelState.retired(name, twin.variant(), scheduling);
  }

  /** Returns the counters of a replaced model, if it had this variant: a series never restarts. */
  private static SchedulerStats countersOfBefore(ModelStatus.Ready ready, String variant) {
    return ready
        .predecessor()
        .filter(before -> before.variant().equals(variant))
        .map(Predecessor::stats)
        .orElse(SchedulerStats.NONE);
  }

  /** Returns the deviations that have an interval; without one a value says little. */
  private static List<ModelState.Deviation> deviations(TwinComparison comparison) {
    return comparison.rows().stream()
        .filter(row -> row.deviation().hasInterval())
        .map(
            row ->
                new ModelState.Deviation(
                    comparison.twinVariant(),
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
          false,
          Optional.of(
              scheduling(
                  ready
                      .model()
                      .scheduler()
                      .stats()
                      .plus(countersOfBefore(ready, ready.model().variant())),
                  limits(ready.model().scheduler()))),
          ready
              .search()
              .filter(BackgroundSearch.Running.class::isInstance)
              .map(BackgroundSearch.Running.class::cast)
              .map(running -> search(running.progress())),
          Optional.of(plan(ready.model().plan())),
          Optional.of(artifact(ready.model().source())),
          deviations(ready.model().comparison()));
    }
    Optional<ModelState.SearchState> search =
        status instanceof ModelStatus.Loading loading
            ? Optional.of(search(loading.progress()))
            : Optional.empty();
    return new ModelState(name, "", false, Optional.empty(), search);
  }

  private static ModelState.Limits limits(Scheduler scheduler) {
    return new ModelState.Limits(
        scheduler.settings().maxRunning(), scheduler.settings().queueSize());
  }

  private static ModelState.Scheduling scheduling(SchedulerStats stats, ModelState.Limits limits) {
    return new ModelState.Scheduling(
        stats.running(),
        stats.waiting(),
        stats.paused(),
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
        limits);
  }

  private static ModelState.Artifact artifact(ReportSource source) {
    return new ModelState.Artifact(source.sizeInBytes(), source.published());
  }

  static ModelState.Plan plan(QuantPlan plan) {
    return new ModelState.Plan(
        plan.metric().setting(),
        plan.group(),
        plan.head().format().setting(),
        plan.blocks().stream().map(choice -> block(plan, choice)).toList());
  }

  private static ModelState.Plan.Block block(QuantPlan plan, QuantPlan.BlockChoice choice) {
    return new ModelState.Plan.Block(
        choice.block(),
        plan.algorithmOf(choice),
        plan.resultOf(choice).map(QuantPlan.Candidate::score).orElse(Double.NaN));
  }

  private static ModelState.SearchState search(LoadProgress load) {
    Progress moment = load.current();
    Optional<ModelState.Blocks> blocks =
        moment instanceof Progress.BlockPhase phase
            ? Optional.of(
                new ModelState.Blocks(
                    phase.position().block(), phase.position().blocks(), phase.scores().last()))
            : Optional.empty();
    return new ModelState.SearchState(blocks, load.elapsedSeconds(), moment.etaSeconds());
  }
}
