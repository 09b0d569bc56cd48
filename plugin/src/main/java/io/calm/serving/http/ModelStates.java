package io.calm.serving.http;

import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerStats;
import io.calm.metrics.ModelState;
import io.calm.search.Progress;
import io.calm.search.QuantPlan;
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
    registry.all().forEach((name, status) -> states.add(of(name, status)));
    return states;
  }

  private static ModelState of(String name, ModelStatus status) {
    if (status instanceof ModelStatus.Ready ready) {
      return new ModelState(
          name,
          ready.model().variant(),
          status.answers(),
          Optional.of(scheduling(ready.model().scheduler())),
          Optional.empty(),
          ready.model().plan().map(ModelStates::plan),
          ready.model().artifact().map(a -> new ModelState.Artifact(a.bytes(), a.created())));
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
