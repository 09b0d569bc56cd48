package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.calibration.CalibrationSet;
import io.calm.model.ActivationMode;
import io.calm.quant.BlockSample;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.runtime.pytorch.TorchRuntime;
import io.calm.tensor.Parallel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The search on a small random model: what it counts, what it hands out, how it fails. */
class SearchTest {
  private static final int LAYERS = 3;

  private final SyntheticModel weights = new SyntheticModel(LAYERS, 99);
  private final CalibrationSet set =
      new CalibrationSet(
          "self",
          5,
          weights.windows(8, 24, 1),
          weights.windows(2, 24, 2),
          weights.windows(2, 24, 3));
  private final List<String> blocks = new ArrayList<>();
  private final List<SearchProgress> moments = new ArrayList<>();

  /** An algorithm that always fails. */
  private record Failing() implements Quantizer {
    @Override
    public String name() {
      return "failing";
    }

    @Override
    public Result quantize(BlockSample sample) {
      throw new QuantizationException("linear Q: on purpose");
    }
  }

  private QuantPlan search(List<Quantizer> pool) {
    SearchSettings settings =
        new SearchSettings(pool, 32, ActivationMode.PER_GROUP, "cka", false, 20, true);
    try (TorchRuntime torch = TorchRuntime.open(2);
        Parallel parallel = new Parallel(2)) {
      return new Search(torch, weights, layer -> Map.of(), settings, parallel, moments::add)
          .run(set, (variant, layer, block) -> blocks.add(variant + " " + layer));
    }
  }

  @Test
  void countsEvaluationsAndKeepsEveryScore() {
    Quantizers quantizers = Quantizers.load();
    QuantPlan plan =
        search(
            List.of(
                quantizers.get("rtn"),
                quantizers.get("gptq"),
                quantizers.get("awq"),
                quantizers.get("awq+gptq")));
    assertEquals(LAYERS * 4, plan.evaluations());
    assertEquals(LAYERS, plan.blocks().size());
    for (QuantPlan.BlockChoice choice : plan.blocks()) {
      assertEquals(4, choice.candidates().size());
      double best =
          choice.candidates().values().stream()
              .mapToDouble(QuantPlan.Candidate::score)
              .max()
              .orElseThrow();
      double chosen = choice.candidates().get(choice.algorithm()).score();
      assertTrue(chosen >= best - Choice.TIE, choice.toString());
      assertTrue(best > 0.9 && best <= 1, "a CKA near 1: " + best);
    }
    assertTrue(plan.collectionForwards() <= 4 * LAYERS * 5, "four partial ones a candidate");
    assertEquals(12, plan.calibration().sequences().size(), "own samples are kept");
    for (int layer = 0; layer < LAYERS; layer++) {
      assertTrue(blocks.contains("calm " + layer), blocks.toString());
    }
    assertTrue(moments.size() >= LAYERS * 4);
  }

  @Test
  void aFailureIsAValueInThePlan() {
    QuantPlan plan = search(List.of(new Failing(), Quantizers.load().get("rtn")));
    for (QuantPlan.BlockChoice choice : plan.blocks()) {
      assertEquals("rtn", choice.algorithm());
      String failure = choice.candidates().get("failing").failure().orElseThrow();
      assertEquals("block %d: linear Q: on purpose".formatted(choice.block()), failure);
    }
    assertEquals(LAYERS * 2, plan.evaluations());
  }

  @Test
  void aBlockThatNothingCanQuantizeEndsTheSearchByName() {
    SearchException e = assertThrows(SearchException.class, () -> search(List.of(new Failing())));
    assertTrue(e.getMessage().contains("block 0: linear Q: on purpose"), e.getMessage());
  }

  @Test
  void theSameSearchGivesTheSamePlan() {
    List<Quantizer> pool =
        List.of(Quantizers.load().get("rtn"), Quantizers.load().get("smoothquant"));
    QuantPlan first = search(pool);
    QuantPlan second = search(pool);
    for (int layer = 0; layer < LAYERS; layer++) {
      assertEquals(first.blocks().get(layer).algorithm(), second.blocks().get(layer).algorithm());
    }
    assertEquals(first.served(), second.served());
  }

  @Test
  void pairedStandardErrorIsThatOfTheDifferences() {
    assertEquals(0, Guard.pairedStandardError(new double[] {1, 2, 3}, new double[] {0, 1, 2}));
    assertEquals(
        Math.sqrt(1.0 / 3),
        Guard.pairedStandardError(new double[] {1, 2, 3}, new double[] {0, 2, 4}),
        1e-12);
  }
}
