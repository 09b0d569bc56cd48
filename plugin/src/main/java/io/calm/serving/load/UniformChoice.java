package io.calm.serving.load;

import io.calm.quant.AlgorithmName;
import io.calm.search.QuantPlan;
import io.calm.settings.CalmSettings;
import io.calm.settings.PlanSettings;
import io.calm.settings.QuantizationSettings;
import java.util.List;
import java.util.Optional;

/**
 * The uniform plan that a served plan is compared with.
 *
 * @param algorithm empty if there is none
 * @param identical whether all blocks of the served plan are of this algorithm
 * @param reason the reason for it, or for its absence
 */
record UniformChoice(Optional<String> algorithm, boolean identical, String reason) {

  static UniformChoice of(QuantPlan plan) {
    List<String> algorithms =
        plan.blocks().stream().map(QuantPlan.BlockChoice::algorithm).distinct().toList();
    if (algorithms.size() == 1) {
      return new UniformChoice(
          Optional.of(algorithms.get(0)),
          true,
          "all blocks of the served plan are %s: the same artifact is opened a second time"
              .formatted(algorithms.get(0)));
    }
    return plan.guard()
        .map(
            guard ->
                new UniformChoice(
                    Optional.of(guard.uniform()), false, "the best uniform plan of the search"))
        .orElseGet(
            () ->
                new UniformChoice(
                    Optional.empty(), false, "the search compared the mix with no uniform plan"));
  }

  /** Returns the label of the plan; empty if there is none. */
  String variant() {
    return algorithm.map(QuantPlan::uniform).orElse("");
  }

  /** Returns the settings that make the plan, with the lm_head of the served one. */
  CalmSettings settings(ModelLoader.Order order, QuantPlan served) {
    CalmSettings settings = order.settings();
    QuantizationSettings quantization = settings.quantization();
    PlanSettings plan = quantization.plan();
    return new CalmSettings(
        new QuantizationSettings(
            quantization.group(),
            quantization.activation(),
            Optional.of(served.head().format()),
            new PlanSettings(
                algorithm.map(AlgorithmName::new),
                plan.pool(),
                plan.metric(),
                plan.reference(),
                plan.sinkThreshold(),
                plan.guard()),
            quantization.calibration()),
        settings.decoder(),
        settings.generation(),
        settings.timeouts(),
        settings.loading(),
        settings.compare());
  }
}
