package io.calm.search;

import static io.calm.search.RecordedSearches.settings;
import static io.calm.search.WeakQuantizers.named;
import static io.calm.search.WeakQuantizers.pool;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;
import io.calm.model.Stage;
import io.calm.quant.Granularity;
import io.calm.quant.Quantizer;
import io.calm.quant.StageProblem;
import io.calm.quant.StageResult;
import io.calm.replay.HiddenStates;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedLinear;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The search within blocks: what it compares, what it shares, what it hands out. */
class PartSearchTest {
  private static final int LAYERS = 2;
  private static final List<Stage> STAGES = List.of(Stage.values());

  private final RecordedSearches searches = new RecordedSearches();

  private static final WeakQuantizers.Picky ATTENTION =
      new WeakQuantizers.Picky("attention", Set.of(Stage.MLP_IN, Stage.MLP_OUT));
  private static final WeakQuantizers.Picky MLP =
      new WeakQuantizers.Picky("mlp", Set.of(Stage.ATTENTION_IN, Stage.ATTENTION_OUT));

  @Test
  void eachPartGetsTheAlgorithmThatIsBestThere() {
    QuantPlan plan =
        searches.search(settings(List.of(ATTENTION, MLP), Granularity.STAGE, true, true));
    QuantPlan.BlockChoice choice = plan.blocks().get(0);
    assertEquals("attention/attention/mlp/mlp", choice.algorithm());
    assertEquals(Optional.empty(), choice.uniform());
    assertEquals(
        List.of("qkv", "o", "gate+up", "down"),
        choice.parts().orElseThrow().choices().stream().map(QuantPlan.PartChoice::part).toList());
    assertEquals(LAYERS * (2 * 4 + 1), plan.evaluations());
    assertEquals(Optional.empty(), plan.servedUniform(), "two algorithms, though in every block");
    assertEquals(List.of("attention", "attention", "mlp", "mlp"), plan.algorithmsOf(choice));
    assertEquals("calm", plan.served());

    QuantPlan halves =
        searches.search(settings(List.of(ATTENTION, MLP), Granularity.HALF, true, true));
    assertEquals("attention/mlp", halves.blocks().get(0).algorithm());
    assertEquals(LAYERS * (2 * 2 + 1), halves.evaluations());
    assertTrue(
        searches.blocks.keySet().stream().noneMatch(name -> name.contains("/")),
        "no uniform plan of two algorithms: " + searches.blocks.keySet());

    QuantPlan whole =
        searches.search(settings(List.of(ATTENTION, MLP), Granularity.BLOCK, true, true));
    assertTrue(
        error(plan, 0) < error(whole, 0), "%s, %s".formatted(error(plan, 0), error(whole, 0)));
    assertEquals(error(plan, 0), error(halves, 0), "the same block");
  }

  private static double error(QuantPlan plan, int layer) {
    return plan.blocks().get(layer).result().orElseThrow().normalizedMse();
  }

  @Test
  void progressCountsTheCandidatesOfAllParts() {
    searches.search(settings(List.of(ATTENTION, MLP), Granularity.STAGE, true, false));
    List<Integer> indexes =
        searches.moments.stream()
            .filter(moment -> moment instanceof Progress.Searching)
            .map(moment -> ((Progress.Searching) moment).attempt())
            .peek(attempt -> assertEquals(8, attempt.pool()))
            .map(Progress.Attempt::index)
            .toList();
    assertEquals(List.of(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7), indexes);
  }

  /** What one algorithm does alone, part by part, is what it does to whole searches.blocks. */
  @Test
  void oneAlgorithmGivesTheSameBitsAtAnyGranularity() {
    for (String name : List.of("rtn", "gptq", "qep", "awq", "smoothquant", "awq+qep")) {
      List<Quantizer> pool = pool(name);
      QuantPlan whole = searches.search(settings(pool, Granularity.BLOCK, true, false));
      Map<String, BlockParameters<QuantizedLinear>> expected = new HashMap<>(searches.blocks);
      for (Granularity granularity : List.of(Granularity.HALF, Granularity.STAGE)) {
        QuantPlan plan = searches.search(settings(pool, granularity, true, false));
        for (int layer = 0; layer < LAYERS; layer++) {
          assertEquals(name, plan.blocks().get(layer).algorithm());
          requireSame(expected.get("calm " + layer), required("calm " + layer));
          assertEquals(error(whole, layer), error(plan, layer), name);
        }
        assertEquals(Optional.of(name), plan.servedUniform());
      }
    }
  }

  /** The deviation that a stage keeps is that of all its linears; others get that of their own. */
  @Test
  void theDeviationIsThatOfTheGivenLinears() {
    List<Stage> compared = new ArrayList<>();
    Quantizer comparing =
        new WeakQuantizers.Comparing(
            named("rtn"),
            (sample, walk) -> {
              LinearRole last = walk.stage().linears().get(walk.stage().linears().size() - 1);
              try (StageProblem all = new StageProblem(sample, walk);
                  StageProblem one = new StageProblem(sample, walk, List.of(last));
                  Matrix early = walk.deviation(one.weight()).orElseThrow();
                  Matrix ofAll = walk.deviation(all.weight()).orElseThrow();
                  Matrix late = walk.deviation(one.weight()).orElseThrow()) {
                assertEquals(all.weight().rows(), ofAll.rows());
                requireLastRows(ofAll, early);
                requireLastRows(ofAll, late);
                assertEquals(one.weight().rows(), late.rows());
              }
              compared.add(walk.stage());
              return walk;
            });
    searches.search(settings(List.of(comparing, named("gptq")), Granularity.STAGE, true, false));
    assertEquals(LAYERS * STAGES.size(), compared.size());
  }

  private static void requireLastRows(Matrix all, Matrix last) {
    float[] expected = new float[all.columns()];
    float[] row = new float[all.columns()];
    for (int n = 0; n < last.rows(); n++) {
      all.readRow(all.rows() - last.rows() + n, expected);
      last.readRow(n, row);
      double largest = 0;
      for (float value : expected) {
        largest = Math.max(largest, Math.abs(value));
      }
      assertArrayEquals(expected, row, (float) (1e-5 * largest));
    }
  }

  private BlockParameters<QuantizedLinear> required(String name) {
    return Optional.ofNullable(searches.blocks.get(name)).orElseThrow();
  }

  private static void requireSame(
      BlockParameters<QuantizedLinear> expected, BlockParameters<QuantizedLinear> got) {
    for (LinearRole role : LinearRole.values()) {
      assertEquals(
          bytes(expected.linear(role).codes()), bytes(got.linear(role).codes()), role.name());
      assertEquals(
          bytes(expected.linear(role).grids()), bytes(got.linear(role).grids()), role.name());
    }
    for (NormRole role : expected.norms().keySet()) {
      assertArrayEquals(expected.norm(role), got.norm(role), role.name());
    }
    expected
        .biases()
        .forEach((role, bias) -> assertArrayEquals(bias, got.biases().get(role), role.name()));
  }

  private static ByteBuffer bytes(ByteBuffer buffer) {
    return buffer.rewind();
  }

  /** Every candidate of every stage, made and run from the start of the block, nothing shared. */
  @Test
  void theScoresOfStagesAreThoseOfBruteForce() {
    List<Quantizer> pool = pool("rtn", "gptq", "qep", "awq", "awq+qep");
    SearchSettings settings = settings(pool, Granularity.STAGE, true, true);
    QuantPlan plan = searches.search(settings);
    QuantPlan.Parts parts = plan.blocks().get(0).parts().orElseThrow();
    Map<String, Double> expected = new LinkedHashMap<>();
    List<String> winners = new ArrayList<>();
    searches.withInputs(
        settings,
        inputs -> {
          SearchContext context = new SearchContext(inputs);
          BlockParameters<Matrix> block = searches.weights.block(0);
          List<StageResult> chosen = new ArrayList<>();
          try (HiddenStates fit = context.model().embed(searches.set.fit());
              HiddenStates score = context.model().embed(searches.set.score())) {
            for (Stage stage : Stage.values()) {
              StageResult best = null;
              double lowest = Double.POSITIVE_INFINITY;
              String winner = "";
              for (Quantizer quantizer : pool) {
                StageResult result = BruteForceStages.alone(context, block, fit, chosen, quantizer);
                List<StageResult> all = new ArrayList<>(chosen);
                all.add(result);
                double error = BruteForceStages.error(context, block, score, all);
                expected.put(stage + " " + quantizer.name(), error);
                if (error < lowest) {
                  lowest = error;
                  best = result;
                  winner = quantizer.name();
                }
              }
              chosen.add(Optional.ofNullable(best).orElseThrow());
              winners.add(winner);
            }
          }
          return true;
        });
    assertEquals(winners, parts.choices().stream().map(QuantPlan.PartChoice::algorithm).toList());
    Map<String, Double> got = new LinkedHashMap<>();
    for (Stage stage : Stage.values()) {
      parts
          .choices()
          .get(STAGES.indexOf(stage))
          .candidates()
          .forEach((name, candidate) -> got.put(stage + " " + name, candidate.normalizedMse()));
    }
    assertEquals(expected.keySet(), got.keySet());
    expected.forEach(
        (name, error) ->
            assertEquals(error, got.getOrDefault(name, Double.NaN), 1e-6 * error, name));
    assertTrue(Set.copyOf(got.values()).size() > 12, "candidates differ: " + got);
  }

  @Test
  void aFailureInOnePartIsRecordedThere() {
    List<Quantizer> pool =
        List.of(
            new WeakQuantizers.FailsAt("failing", Stage.ATTENTION_OUT),
            named("gptq"),
            new WeakQuantizers.Whole());
    QuantPlan plan = searches.search(settings(pool, Granularity.STAGE, true, true));
    for (QuantPlan.BlockChoice choice : plan.blocks()) {
      List<QuantPlan.PartChoice> parts = choice.parts().orElseThrow().choices();
      String failure = parts.get(1).candidates().get("failing").failure().orElseThrow();
      assertEquals(
          "block %d, o: linear ATTENTION_OUT: on purpose".formatted(choice.block()), failure);
      assertEquals("gptq", parts.get(1).algorithm());
      assertEquals(Optional.empty(), parts.get(2).candidates().get("failing").failure());
      assertEquals(Optional.of(failure), choice.candidates().get("failing").failure());
      assertTrue(
          parts
              .get(0)
              .candidates()
              .get("whole")
              .failure()
              .orElseThrow()
              .contains("whole quantizes whole blocks only; set calm.search.granularity=block"),
          parts.get(0).toString());
      assertTrue(Double.isNaN(choice.candidates().get("failing").normalizedMse()));
    }
    assertEquals(Optional.of("gptq"), plan.lowestErrors(), "the only one that never failed");
  }

  @Test
  void aPartThatNothingCanQuantizeEndsTheSearchByName() {
    SearchSettings settings =
        settings(
            List.of(
                new WeakQuantizers.FailsAt("failing", Stage.MLP_OUT), new WeakQuantizers.Whole()),
            Granularity.STAGE,
            true,
            true);
    SearchException e = assertThrows(SearchException.class, () -> searches.search(settings));
    assertTrue(
        e.getMessage().contains("failing: block 0, down: linear MLP_OUT: on purpose"),
        e.getMessage());
  }

  /** The blocks that the mix and the best uniform plan have in common are made once. */
  @Test
  void theGuardComparesAMixOfPartsWithUniformPlans() {
    WeakQuantizers.Picky good = new WeakQuantizers.Picky("good", Set.of());
    WeakQuantizers.Picky worse = new WeakQuantizers.Picky("worse", Set.of(Stage.MLP_OUT));
    QuantPlan plan = searches.search(settings(List.of(good, worse), Granularity.STAGE, true, true));
    assertEquals(
        List.of("good", "good"),
        plan.blocks().stream().map(QuantPlan.BlockChoice::algorithm).toList());
    assertTrue(plan.reason().contains("good was chosen in every block"), plan.reason());

    QuantPlan mixed =
        searches.search(settings(List.of(ATTENTION, MLP), Granularity.STAGE, true, true));
    QuantPlan.GuardResult guard = mixed.guard().orElseThrow();
    assertTrue(guard.mixKl() < guard.uniformKl(), mixed.reason());
    assertTrue(
        searches.blocks.containsKey("uniform-" + guard.uniform() + " 0"),
        searches.blocks.keySet().toString());
    double errors =
        mixed.blocks().stream()
            .flatMap(block -> block.parts().orElseThrow().choices().stream())
            .mapToDouble(part -> part.candidates().get(guard.uniform()).normalizedMse())
            .sum();
    assertNotEquals(0.0, errors);
    assertTrue(
        guard.uniforms().get(0).blockErrors() < errors,
        "the sum over the parts, less what they inherit");
  }

  @Test
  void theSameSearchGivesTheSamePlan() {
    SearchSettings settings = settings(pool("rtn", "qep", "awq"), Granularity.HALF, false, true);
    List<String> first = names(searches.search(settings));
    assertEquals(first, names(searches.search(settings)));
  }

  private static List<String> names(QuantPlan plan) {
    return plan.blocks().stream().map(block -> block + "").map(PartSearchTest::untimed).toList();
  }

  private static String untimed(String text) {
    return text.replaceAll("seconds=[^,]*", "");
  }
}
