package io.calm.serving.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.cka.Metric;
import io.calm.metrics.ModelState;
import io.calm.search.QuantPlan;
import io.calm.tensor.TableFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The plan of a model as metrics report it. */
class ModelStatesTest {
  private static QuantPlan plan(boolean mixServed) {
    Map<String, QuantPlan.Candidate> candidates =
        Map.of("gptq", candidate(0.875), "awq", candidate(0.75));
    return new QuantPlan(
        List.of(
            new QuantPlan.BlockChoice(0, "gptq", "highest score", candidates),
            new QuantPlan.BlockChoice(1, "gptq", "the only one", Map.of("gptq", candidate(0.5)))),
        List.of("gptq", "awq"),
        mixServed ? "calm" : "uniform-awq",
        "the guard",
        64,
        Metric.CKA_NORMALIZED,
        4,
        17,
        23,
        5,
        777,
        Optional.of(
            new QuantPlan.GuardResult(
                "awq",
                0.08,
                0.07,
                0.001,
                mixServed,
                List.of(new QuantPlan.UniformResult("awq", 0.03, 0.07, 0.001)))),
        new QuantPlan.Head(TableFormat.INT8, "calm.lm-head", Optional.empty()),
        new QuantPlan.Calibration("self", 33, 7, 25, 255, 11, List.of()),
        1,
        Optional.empty());
  }

  private static QuantPlan.Candidate candidate(double score) {
    return new QuantPlan.Candidate(score, score, 0, 0, 1, Optional.empty(), Map.of());
  }

  @Test
  void aMixThatIsServedHasItsOwnScores() {
    assertEquals(
        List.of(
            new ModelState.Plan.Block(0, "gptq", 0.875), new ModelState.Plan.Block(1, "gptq", 0.5)),
        ModelStates.plan(plan(true)).blocks());
  }

  /** The variant of the series is the uniform plan, so its blocks must be too. */
  @Test
  void aRejectedMixHasTheScoresOfWhatIsServed() {
    assertEquals(
        List.of(
            new ModelState.Plan.Block(0, "awq", 0.75),
            new ModelState.Plan.Block(1, "awq", Double.NaN)),
        ModelStates.plan(plan(false)).blocks());
  }
}
