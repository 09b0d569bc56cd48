package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.Metric;
import io.calm.kernels.KernelVariants;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.FoldSite;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;
import io.calm.model.Stage;
import io.calm.quant.AlgorithmName;
import io.calm.quant.BlockSample;
import io.calm.quant.Compute;
import io.calm.quant.Granularity;
import io.calm.quant.PartialBlock;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.quant.StageQuantizer;
import io.calm.quant.StageResult;
import io.calm.quant.StageWalk;
import io.calm.replay.BlockPass;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Float16;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.TableFormat;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The search within blocks: what it compares, what it shares, what it hands out. */
class PartSearchTest {
  private static final int LAYERS = 2;
  private static final List<Stage> STAGES = List.of(Stage.values());

  /** A model whose weights 4 bits do not hold exactly. */
  private static final class Rough extends SyntheticModel {
    Rough() {
      super(LAYERS, 7);
    }

    @Override
    public BlockParameters<Matrix> block(int layer) {
      BlockParameters<Matrix> block = super.block(layer);
      SplittableRandom random = new SplittableRandom(layer);
      for (Matrix weight : block.linears().values()) {
        for (int n = 0; n < weight.rows(); n++) {
          for (int k = 0; k < weight.columns(); k++) {
            weight.set(n, k, weight.get(n, k) + (float) (0.02 * random.nextGaussian()));
          }
        }
      }
      return block;
    }
  }

  private final SyntheticModel weights = new Rough();
  private final CalibrationSet set =
      new CalibrationSet(
          "self",
          5,
          weights.windows(12, 24, 1),
          weights.windows(3, 24, 2),
          weights.windows(3, 24, 3));
  private final Map<String, BlockParameters<QuantizedLinear>> blocks = new HashMap<>();
  private final List<Progress> moments = new ArrayList<>();

  private static List<Quantizer> pool(String... names) {
    Quantizers quantizers = Quantizers.load();
    return Stream.of(names).map(AlgorithmName::new).map(quantizers::get).toList();
  }

  private static Quantizer named(String name) {
    return pool(name).get(0);
  }

  private static SearchSettings settings(
      List<Quantizer> pool, Granularity granularity, boolean fullReference, boolean guard) {
    return new SearchSettings(
        pool,
        32,
        ActivationMode.PER_GROUP,
        Metric.RELATIVE_MSE_NORMALIZED,
        granularity,
        fullReference,
        0,
        guard,
        new HeadRule.Given(TableFormat.INT8));
  }

  private interface Work<T> {
    T with(SearchInputs inputs);
  }

  private <T> T withInputs(SearchSettings settings, Work<T> work) {
    try (TorchRuntime torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels());
        Parallel parallel = new Parallel(2)) {
      return work.with(
          new SearchInputs(
              torch,
              weights,
              layer -> Map.of(),
              settings,
              new Compute(parallel, KernelVariants.ofThisMachine().searchKernels())));
    }
  }

  private QuantPlan search(SearchSettings settings) {
    blocks.clear();
    moments.clear();
    return withInputs(
        settings,
        inputs ->
            Search.run(
                inputs,
                set,
                (variant, layer, block) -> blocks.put(variant + " " + layer, block),
                moments::add));
  }

  /** GPTQ with scales that are off in some stages. */
  private record Picky(String name, Set<Stage> bad) implements Quantizer, StageQuantizer {
    @Override
    public Optional<StageQuantizer> stages() {
      return Optional.of(this);
    }

    @Override
    public StageResult quantizeStage(BlockSample sample, StageWalk walk) {
      Stage stage = walk.stage();
      StageResult good = named("gptq").stages().orElseThrow().quantizeStage(sample, walk);
      if (!bad.contains(stage)) {
        return good;
      }
      Map<LinearRole, QuantizedMatrix> linears = new EnumMap<>(LinearRole.class);
      good.linears().forEach((role, linear) -> linears.put(role, wider(linear)));
      return new StageResult(linears, Optional.empty(), Map.of());
    }

    private static QuantizedMatrix wider(QuantizedMatrix linear) {
      float[] scales = linear.scales().clone();
      for (int i = 0; i < scales.length; i++) {
        scales[i] = Float16.round(1.25f * scales[i]);
      }
      return new QuantizedMatrix(
          linear.outputs(),
          linear.inputs(),
          linear.group(),
          linear.codes(),
          scales,
          linear.minimums());
    }

    @Override
    public Result quantize(BlockSample sample) {
      PartialBlock block = new PartialBlock(sample.block());
      try (StageWalk walk = sample.walk()) {
        for (Stage stage : Stage.values()) {
          StageResult result = quantizeStage(sample, walk);
          block = block.with(stage, result);
          walk.advance(result.linears(), block.biases());
        }
      }
      return new Result(block.pack(sample.compute().parallel()), Map.of());
    }
  }

  /** Rounding to nearest that fails in one stage. */
  private record FailsAt(String name, Stage stage) implements Quantizer, StageQuantizer {
    @Override
    public Optional<StageQuantizer> stages() {
      return Optional.of(this);
    }

    @Override
    public StageResult quantizeStage(BlockSample sample, StageWalk walk) {
      if (walk.stage() == stage) {
        throw new QuantizationException("linear %s: on purpose".formatted(stage));
      }
      return named("rtn").stages().orElseThrow().quantizeStage(sample, walk);
    }

    @Override
    public Result quantize(BlockSample sample) {
      throw new QuantizationException("linear %s: on purpose".formatted(stage));
    }
  }

  /** An algorithm of whole blocks. */
  private record Whole() implements Quantizer {
    @Override
    public String name() {
      return "whole";
    }

    @Override
    public Result quantize(BlockSample sample) {
      return named("rtn").quantize(sample);
    }
  }

  private static final Picky ATTENTION =
      new Picky("attention", Set.of(Stage.MLP_IN, Stage.MLP_OUT));
  private static final Picky MLP =
      new Picky("mlp", Set.of(Stage.ATTENTION_IN, Stage.ATTENTION_OUT));

  @Test
  void eachPartGetsTheAlgorithmThatIsBestThere() {
    QuantPlan plan = search(settings(List.of(ATTENTION, MLP), Granularity.STAGE, true, true));
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

    QuantPlan halves = search(settings(List.of(ATTENTION, MLP), Granularity.HALF, true, true));
    assertEquals("attention/mlp", halves.blocks().get(0).algorithm());
    assertEquals(LAYERS * (2 * 2 + 1), halves.evaluations());
    assertTrue(
        blocks.keySet().stream().noneMatch(name -> name.contains("/")),
        "no uniform plan of two algorithms: " + blocks.keySet());

    QuantPlan whole = search(settings(List.of(ATTENTION, MLP), Granularity.BLOCK, true, true));
    assertTrue(
        error(plan, 0) < error(whole, 0), "%s, %s".formatted(error(plan, 0), error(whole, 0)));
    assertEquals(error(plan, 0), error(halves, 0), "the same block");
  }

  private static double error(QuantPlan plan, int layer) {
    return plan.blocks().get(layer).result().orElseThrow().normalizedMse();
  }

  @Test
  void progressCountsTheCandidatesOfAllParts() {
    search(settings(List.of(ATTENTION, MLP), Granularity.STAGE, true, false));
    List<Integer> indexes =
        moments.stream()
            .filter(moment -> moment instanceof Progress.Searching)
            .map(moment -> ((Progress.Searching) moment).attempt())
            .peek(attempt -> assertEquals(8, attempt.pool()))
            .map(Progress.Attempt::index)
            .toList();
    assertEquals(List.of(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7), indexes);
  }

  /** What one algorithm does alone, part by part, is what it does to whole blocks. */
  @Test
  void oneAlgorithmGivesTheSameBitsAtAnyGranularity() {
    for (String name : List.of("rtn", "gptq", "qep", "awq", "smoothquant", "awq+qep")) {
      List<Quantizer> pool = pool(name);
      QuantPlan whole = search(settings(pool, Granularity.BLOCK, true, false));
      Map<String, BlockParameters<QuantizedLinear>> expected = new HashMap<>(blocks);
      for (Granularity granularity : List.of(Granularity.HALF, Granularity.STAGE)) {
        QuantPlan plan = search(settings(pool, granularity, true, false));
        for (int layer = 0; layer < LAYERS; layer++) {
          assertEquals(name, plan.blocks().get(layer).algorithm());
          requireSame(expected.get("calm " + layer), required("calm " + layer));
          assertEquals(error(whole, layer), error(plan, layer), name);
        }
        assertEquals(Optional.of(name), plan.servedUniform());
      }
    }
  }

  private BlockParameters<QuantizedLinear> required(String name) {
    return Optional.ofNullable(blocks.get(name)).orElseThrow();
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
    QuantPlan plan = search(settings);
    QuantPlan.Parts parts = plan.blocks().get(0).parts().orElseThrow();
    Map<String, Double> expected = new LinkedHashMap<>();
    List<String> winners = new ArrayList<>();
    withInputs(
        settings,
        inputs -> {
          SearchContext context = new SearchContext(inputs);
          BlockParameters<Matrix> block = weights.block(0);
          List<StageResult> chosen = new ArrayList<>();
          try (HiddenStates fit = context.model().embed(set.fit());
              HiddenStates score = context.model().embed(set.score())) {
            for (Stage stage : Stage.values()) {
              StageResult best = null;
              double lowest = Double.POSITIVE_INFINITY;
              String winner = "";
              for (Quantizer quantizer : pool) {
                StageResult result = alone(context, block, fit, chosen, quantizer);
                List<StageResult> all = new ArrayList<>(chosen);
                all.add(result);
                double error = error(context, block, score, all);
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

  /** Quantizes the stage behind the chosen ones on a walk of its own. */
  private static StageResult alone(
      SearchContext context,
      BlockParameters<Matrix> block,
      HiddenStates fit,
      List<StageResult> chosen,
      Quantizer quantizer) {
    try (StageInputs full = context.stageInputs(0, block, fit)) {
      ReplayedBlock sample = new ReplayedBlock(context.inputs(), 0, block, fit, Optional.of(full));
      PartialBlock partial = new PartialBlock(block);
      try (StageWalk walk = sample.walk()) {
        for (StageResult result : chosen) {
          Stage stage = walk.stage();
          partial = partial.with(stage, result);
          result
              .scales()
              .ifPresent(scales -> walk.divide(new FoldSite(context.spec(), stage).spread(scales)));
          walk.advance(result.linears(), partial.biases());
        }
        return quantizer.stages().orElseThrow().quantizeStage(sample, walk);
      }
    }
  }

  /** Returns the relative squared error of normalized rows behind the half of the last stage. */
  private static double error(
      SearchContext context,
      BlockParameters<Matrix> block,
      HiddenStates score,
      List<StageResult> stages) {
    boolean attention = stages.size() <= 2;
    PartialBlock partial = new PartialBlock(block);
    try (BlockPass expected = new BlockPass(score, context.spec(), 0, block, Optional.empty());
        BlockPass got =
            new BlockPass(
                score, context.spec(), 0, block, Optional.of(context.settings().rounding()))) {
      for (int i = 0; i < (attention ? 2 : 4); i++) {
        expected.advance(block.linears(), block.biases());
        if (i >= stages.size()) {
          got.advanceUnrounded(block.linears(), block.biases());
          continue;
        }
        StageResult result = stages.get(i);
        partial = partial.with(STAGES.get(i), result);
        FoldSite site = new FoldSite(context.spec(), STAGES.get(i));
        result.scales().ifPresent(scales -> got.divide(site.spread(scales)));
        try (ScratchModules modules =
            new ScratchModules(result.linears(), context.compute().parallel())) {
          got.advanceModules(modules.modules(), partial.biases());
        }
      }
      try (HiddenStates x = expected.residualStream();
          HiddenStates y = got.residualStream()) {
        return normalizedError(x.toMatrix(), y.toMatrix());
      }
    }
  }

  private static double normalizedError(Matrix x, Matrix y) {
    double sum = 0;
    for (int r = 0; r < x.rows(); r++) {
      double xx = 0;
      double yy = 0;
      for (int c = 0; c < x.columns(); c++) {
        xx += (double) x.get(r, c) * x.get(r, c);
        yy += (double) y.get(r, c) * y.get(r, c);
      }
      for (int c = 0; c < x.columns(); c++) {
        double d = y.get(r, c) / Math.sqrt(yy) - x.get(r, c) / Math.sqrt(xx);
        sum += d * d;
      }
    }
    return sum / x.rows();
  }

  @Test
  void aFailureInOnePartIsRecordedThere() {
    List<Quantizer> pool =
        List.of(new FailsAt("failing", Stage.ATTENTION_OUT), named("gptq"), new Whole());
    QuantPlan plan = search(settings(pool, Granularity.STAGE, true, true));
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
            List.of(new FailsAt("failing", Stage.MLP_OUT), new Whole()),
            Granularity.STAGE,
            true,
            true);
    SearchException e = assertThrows(SearchException.class, () -> search(settings));
    assertTrue(
        e.getMessage().contains("failing: block 0, down: linear MLP_OUT: on purpose"),
        e.getMessage());
  }

  /** The blocks that the mix and the best uniform plan have in common are made once. */
  @Test
  void theGuardComparesAMixOfPartsWithUniformPlans() {
    Picky good = new Picky("good", Set.of());
    Picky worse = new Picky("worse", Set.of(Stage.MLP_OUT));
    QuantPlan plan = search(settings(List.of(good, worse), Granularity.STAGE, true, true));
    assertEquals(
        List.of("good", "good"),
        plan.blocks().stream().map(QuantPlan.BlockChoice::algorithm).toList());
    assertTrue(plan.reason().contains("good won every block"), plan.reason());

    QuantPlan mixed = search(settings(List.of(ATTENTION, MLP), Granularity.STAGE, true, true));
    QuantPlan.GuardResult guard = mixed.guard().orElseThrow();
    assertTrue(guard.mixKl() < guard.uniformKl(), mixed.reason());
    assertTrue(blocks.containsKey("uniform-" + guard.uniform() + " 0"), blocks.keySet().toString());
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
    List<String> first = names(search(settings));
    assertEquals(first, names(search(settings)));
  }

  private static List<String> names(QuantPlan plan) {
    return plan.blocks().stream().map(block -> block + "").map(PartSearchTest::untimed).toList();
  }

  private static String untimed(String text) {
    return text.replaceAll("seconds=[^,]*", "");
  }
}
