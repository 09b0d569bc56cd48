package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.quant.BlockSample;
import io.calm.quant.Quantizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The order of uniform plans by the sum of their blocks' errors. */
class UniformRankingTest {

  /** An algorithm that is known by its name alone. */
  private record Named(String name) implements Quantizer {
    @Override
    public Result quantize(BlockSample sample) {
      throw new UnsupportedOperationException();
    }
  }

  private static QuantPlan.Candidate candidate(double score, double error) {
    return new QuantPlan.Candidate(score, score, 0, error, 1, Optional.empty(), Map.of());
  }

  /** Results by algorithm: one score and one error for each block. */
  private static UniformRanking ranking(Map<String, QuantPlan.Candidate[]> results) {
    return ranking(results, 0);
  }

  private static UniformRanking ranking(
      Map<String, QuantPlan.Candidate[]> results, double inherited) {
    List<QuantPlan.BlockChoice> choices = new ArrayList<>();
    int blocks = results.values().iterator().next().length;
    for (int block = 0; block < blocks; block++) {
      Map<String, QuantPlan.Candidate> candidates = new LinkedHashMap<>();
      for (Map.Entry<String, QuantPlan.Candidate[]> entry : results.entrySet()) {
        candidates.put(entry.getKey(), entry.getValue()[block]);
      }
      choices.add(new QuantPlan.BlockChoice(block, "any", "any", candidates));
    }
    return UniformRanking.of(
        results.keySet().stream().<Quantizer>map(Named::new).toList(),
        choices,
        Collections.nCopies(blocks, inherited));
  }

  private static List<String> best(UniformRanking ranking) {
    return ranking.best().stream().map(UniformRanking.Ranked::name).toList();
  }

  private static QuantPlan.Candidate[] blocks(QuantPlan.Candidate... candidates) {
    return candidates;
  }

  /** What all members inherit from earlier blocks says nothing of their own errors. */
  @Test
  void inheritedErrorsDoNotMakePlansClose() {
    Map<String, QuantPlan.Candidate[]> results =
        Map.of(
            "gptq", blocks(candidate(1, 1.01), candidate(1, 1.01)),
            "rtn", blocks(candidate(1, 1.03), candidate(1, 1.03)));
    assertEquals(List.of("gptq", "rtn"), best(ranking(results)), "3 % apart");
    assertEquals(List.of("gptq"), best(ranking(results, 1)), "0.01 and 0.03 of their own");
  }

  /** A member that corrects inherited errors can have a sum below zero. */
  @Test
  void sumsBelowZeroAreRankedToo() {
    Map<String, QuantPlan.Candidate[]> results =
        Map.of("qep", blocks(candidate(1, 0.9)), "gptq", blocks(candidate(1, 1.1)));
    assertEquals(List.of("qep"), best(ranking(results, 1)));
  }

  /** One block of awq lowers its mean score below that of smoothquant, which has more error. */
  @Test
  void theSumOfErrorsDecidesAndNotTheMeanScore() {
    UniformRanking ranking =
        ranking(
            Map.of(
                "awq", blocks(candidate(0.98, 0.03), candidate(1, 0.01), candidate(1, 0.01)),
                "smoothquant",
                    blocks(
                        candidate(0.999, 0.04), candidate(0.999, 0.04), candidate(0.999, 0.04))));
    assertEquals(List.of("awq"), best(ranking));
    assertEquals("awq 0.05000, smoothquant 0.1200", ranking.words());
  }

  @Test
  void theSecondIsMadeTooWithinTenPercent() {
    assertEquals(
        List.of("a", "b"),
        best(
            ranking(
                Map.of(
                    "a", blocks(candidate(1, 0.100)),
                    "b", blocks(candidate(1, 0.109)),
                    "c", blocks(candidate(1, 0.1095))))),
        "two at most");
    assertEquals(
        List.of("a"),
        best(ranking(Map.of("a", blocks(candidate(1, 0.100)), "b", blocks(candidate(1, 0.111))))));
  }

  @Test
  void anAlgorithmThatFailedOnABlockHasNoUniformPlan() {
    QuantPlan.Candidate failed =
        new QuantPlan.Candidate(
            Double.NaN, Double.NaN, Double.NaN, Double.NaN, 1, Optional.of("a reason"), Map.of());
    assertEquals(
        List.of("whole"),
        best(
            ranking(
                Map.of(
                    "whole", blocks(candidate(1, 9), candidate(1, 9)),
                    "broken", blocks(candidate(1, 0.1), failed)))));
    assertEquals(List.of(), best(ranking(Map.of("broken", blocks(failed)))));
  }
}
