package io.calm.metrics;

import io.calm.metrics.ModelState.Plan;
import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.GaugeMetricFamily;
import java.util.List;

/**
 * The plans of the served models: one series per block, and one for each plan. A block has one
 * series, that of its chosen algorithm, so a model of 80 blocks adds 81 series.
 */
final class PlanSeries {
  private PlanSeries() {}

  static List<MetricFamilySamples> collect(List<ModelState> states) {
    InfoFamily info =
        new InfoFamily(
            "calm_plan",
            "The labels name what the plan was made with.",
            List.of("model", "variant", "metric", "group", "lm_head"));
    GaugeMetricFamily scores =
        new GaugeMetricFamily(
            "calm_plan_block_score",
            "Score of the served algorithm of a block; NaN if it was not scored.",
            List.of("model", "variant", "block", "algorithm"));
    for (ModelState state : states) {
      state.plan().ifPresent(plan -> add(state, plan, info, scores));
    }
    return List.of(info.samples(), scores);
  }

  private static void add(ModelState state, Plan plan, InfoFamily info, GaugeMetricFamily scores) {
    info.add(
        List.of(
            state.model(),
            state.variant(),
            plan.metric(),
            Integer.toString(plan.group()),
            plan.lmHead()));
    for (Plan.Block block : plan.blocks()) {
      scores.addMetric(
          List.of(
              state.model(), state.variant(), Integer.toString(block.block()), block.algorithm()),
          block.score());
    }
  }
}
