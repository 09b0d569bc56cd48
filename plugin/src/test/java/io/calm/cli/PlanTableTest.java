package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.cka.Metric;
import io.calm.search.QuantPlan;
import io.calm.tensor.TableFormat;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The table says what is served, not what would have been. */
class PlanTableTest {

  static QuantPlan plan(String served, boolean mixServed) {
    return plan(served, mixServed, 0.999, 0.999);
  }

  /** A plan of two blocks, both of which have these scores. */
  static QuantPlan plan(String served, boolean mixServed, double gptq, double awq) {
    Map<String, QuantPlan.Candidate> candidates =
        Map.of("gptq", candidate(gptq), "awq", candidate(awq));
    return new QuantPlan(
        List.of(
            new QuantPlan.BlockChoice(0, "awq", "highest score", candidates),
            new QuantPlan.BlockChoice(1, "gptq", "highest score", candidates)),
        List.of("gptq", "awq"),
        served,
        "by the guard",
        64,
        Metric.CKA,
        4,
        16,
        8,
        1,
        96,
        Optional.of(new QuantPlan.GuardResult("gptq", 0.2, 0.1, 0.01, mixServed, List.of())),
        QuantPlan.Head.given(TableFormat.INT8, "calm.lm-head=int8"),
        new QuantPlan.Calibration("self", 4, 1, 1, 48, 0, List.of()),
        2,
        Optional.empty());
  }

  private static QuantPlan.Candidate candidate(double score) {
    return new QuantPlan.Candidate(score, score, 1e-3, 2e-3, 1, Optional.empty(), Map.of());
  }

  /** A plan of two blocks, the parts of the first of which have two algorithms. */
  static QuantPlan byParts() {
    QuantPlan whole = plan("calm", true);
    Map<String, QuantPlan.Candidate> candidates = whole.blocks().get(0).candidates();
    QuantPlan.Candidate result = Optional.ofNullable(candidates.get("awq")).orElseThrow();
    return new QuantPlan(
        List.of(
            parts(0, candidates, result, "awq", "gptq", "gptq", "gptq"),
            parts(1, candidates, result, "awq", "awq", "awq", "awq")),
        whole.pool(),
        "calm",
        whole.reason(),
        whole.group(),
        whole.metric(),
        18,
        whole.collectionForwards(),
        whole.guardForwards(),
        whole.sinkRows(),
        whole.scoredRows(),
        whole.guard(),
        whole.head(),
        whole.calibration(),
        whole.seconds(),
        Optional.empty());
  }

  private static QuantPlan.BlockChoice parts(
      int block,
      Map<String, QuantPlan.Candidate> candidates,
      QuantPlan.Candidate result,
      String... algorithms) {
    List<String> names = List.of("qkv", "o", "gate+up", "down");
    List<QuantPlan.PartChoice> parts = new ArrayList<>();
    for (int i = 0; i < algorithms.length; i++) {
      parts.add(new QuantPlan.PartChoice(names.get(i), algorithms[i], "highest score", candidates));
    }
    boolean same = List.of(algorithms).stream().distinct().count() == 1;
    return new QuantPlan.BlockChoice(
        block,
        same ? algorithms[0] : String.join("/", algorithms),
        "highest score in each part",
        candidates,
        Optional.of(new QuantPlan.Parts(parts, result)));
  }

  @Test
  void choicesWithinBlocksStandInOrderAndAreCountedByPart() {
    QuantPlan plan = byParts();
    List<String> lines = PlanTable.lines(plan);
    assertEquals(List.of("0", "awq/gptq/gptq/gptq"), words(lines.get(1)).subList(0, 2));
    assertEquals(List.of("1", "awq"), words(lines.get(2)).subList(0, 2));
    String summary = PlanTable.summary(plan);
    assertTrue(
        summary.contains(
            "chosen: {awq=1, awq/gptq/gptq/gptq=1}; by part {qkv={awq=2}, o={awq=1, gptq=1},"
                + " gate+up={awq=1, gptq=1}, down={awq=1, gptq=1}}"),
        summary);
    assertTrue(
        summary.contains("18 evaluations (2 blocks x (4 parts x 2 algorithms + the block))"),
        summary);
  }

  private static List<String> words(String line) {
    return List.of(line.strip().split(" +", -1));
  }

  @Test
  void aMixThatIsServedStandsAlone() {
    List<String> lines = PlanTable.lines(plan("calm", true));
    assertEquals(List.of("block", "served"), words(lines.get(0)).subList(0, 2));
    assertFalse(lines.get(0).contains("mix"), lines.get(0));
    assertEquals("awq", words(lines.get(1)).get(1));
    assertEquals("gptq", words(lines.get(2)).get(1));
    assertTrue(PlanTable.summary(plan("calm", true)).contains("chosen: {awq=1, gptq=1}"));
  }

  @Test
  void aMixThatWasRejectedStandsBesideWhatIsServed() {
    List<String> lines = PlanTable.lines(plan("uniform-gptq", false));
    assertEquals(List.of("block", "served", "rejected", "mix"), words(lines.get(0)).subList(0, 4));
    assertEquals(List.of("0", "gptq", "awq"), words(lines.get(1)).subList(0, 3));
    assertEquals(List.of("1", "gptq", "gptq"), words(lines.get(2)).subList(0, 3));
    String summary = PlanTable.summary(plan("uniform-gptq", false));
    assertTrue(summary.contains("served: uniform-gptq"), summary);
    assertTrue(summary.contains("the mix, rejected by the guard: {awq=1, gptq=1}"), summary);
  }

  @Test
  void aPlanFromWeightsAloneHasReasonsButNoScores() {
    QuantPlan.Candidate unscored =
        new QuantPlan.Candidate(
            Double.NaN,
            Double.NaN,
            Double.NaN,
            Double.NaN,
            1,
            Optional.empty(),
            Map.of("q", "own codes"));
    QuantPlan searched = plan("calm", true);
    QuantPlan plan =
        new QuantPlan(
            List.of(
                new QuantPlan.BlockChoice(
                    0, "source", "own codes: exact", Map.of("source", unscored))),
            List.of("source"),
            "uniform-source",
            "no other algorithm was tried",
            32,
            Metric.CKA,
            0,
            0,
            0,
            0,
            0,
            Optional.empty(),
            searched.head(),
            searched.calibration(),
            2,
            Optional.empty());
    List<String> lines = PlanTable.lines(plan);
    assertEquals(List.of("block", "served", "reason"), words(lines.get(0)));
    assertEquals(List.of("0", "source", "own", "codes:", "exact"), words(lines.get(1)));
  }
}
