package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.Metric;
import io.calm.kernels.KernelVariants;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;
import io.calm.quant.AlgorithmName;
import io.calm.quant.BlockSample;
import io.calm.quant.Compute;
import io.calm.quant.Granularity;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
  private final List<Progress> moments = new ArrayList<>();

  private QuantPlan search(List<Quantizer> pool) {
    return search(pool, false, true);
  }

  private QuantPlan search(List<Quantizer> pool, boolean fullReference, boolean guard) {
    return search(pool, fullReference, guard, new HeadRule.Given(TableFormat.INT8));
  }

  private QuantPlan search(
      List<Quantizer> pool, boolean fullReference, boolean guard, HeadRule head) {
    return search(
        new SearchSettings(
            pool,
            32,
            ActivationMode.PER_GROUP,
            Metric.CKA,
            Granularity.BLOCK,
            fullReference,
            20,
            guard,
            head));
  }

  private QuantPlan search(List<Quantizer> pool, Metric metric) {
    HeadRule head = new HeadRule.Given(TableFormat.INT8);
    return search(
        new SearchSettings(
            pool, 32, ActivationMode.PER_GROUP, metric, Granularity.BLOCK, false, 20, true, head));
  }

  private QuantPlan search(SearchSettings settings) {
    try (TorchRuntime torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels());
        Parallel parallel = new Parallel(2)) {
      return Search.run(
          new SearchInputs(
              torch,
              weights,
              layer -> Map.of(),
              settings,
              new Compute(parallel, KernelVariants.ofThisMachine().searchKernels())),
          set,
          (variant, layer, block) -> blocks.add(variant + " " + layer),
          moments::add);
    }
  }

  @Test
  void theLastScoreIsToldWithItsAlgorithm() {
    Quantizers quantizers = Quantizers.load();
    QuantPlan plan =
        search(
            List.of(
                quantizers.get(new AlgorithmName("rtn")),
                quantizers.get(new AlgorithmName("awq"))));
    int told = 0;
    for (Progress moment : moments) {
      if (moment instanceof Progress.Searching searching && told++ > 0) {
        Progress.Scores scores = searching.scores();
        boolean same = searching.attempt().index() > 0; // the candidate before is of this block
        QuantPlan.BlockChoice block =
            plan.blocks().get(searching.position().block() - (same ? 0 : 1));
        assertEquals(same ? "rtn" : "awq", scores.lastAlgorithm());
        assertEquals(block.candidates().get(scores.lastAlgorithm()).score(), scores.last());
      } else if (moment instanceof Progress.BlockPhase phase) {
        assertEquals(Progress.Scores.count(phase.scores().evaluations()), phase.scores());
      }
    }
    assertEquals(LAYERS * 2, told);
  }

  @Test
  void countsEvaluationsAndKeepsEveryScore() {
    Quantizers quantizers = Quantizers.load();
    QuantPlan plan =
        search(
            List.of(
                quantizers.get(new AlgorithmName("rtn")),
                quantizers.get(new AlgorithmName("gptq")),
                quantizers.get(new AlgorithmName("awq")),
                quantizers.get(new AlgorithmName("awq+gptq"))));
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
      assertTrue(1 - chosen <= (1 - best) * (1 + Choice.Ties.NOISE), choice.toString());
      assertTrue(best > 0.9 && best <= 1, "a CKA near 1: " + best);
    }
    assertTrue(plan.collectionForwards() <= 4 * LAYERS * 5, "four partial ones a candidate");
    assertEquals(12, plan.calibration().sequences().size(), "own samples are kept");
    for (int layer = 0; layer < LAYERS; layer++) {
      assertTrue(blocks.contains("calm " + layer), blocks.toString());
    }
    assertTrue(moments.size() >= LAYERS * 4);
  }

  /** A model whose linears are all zero, and whose embeddings are too or not. */
  private static final class Zeros extends SyntheticModel {
    private final boolean embeddings;

    Zeros(boolean embeddings) {
      super(LAYERS, 99);
      this.embeddings = embeddings;
    }

    @Override
    public BlockParameters<Matrix> block(int layer) {
      BlockParameters<Matrix> block = super.block(layer);
      block.linears().values().forEach(Zeros::clear);
      Map<LinearRole, float[]> biases = new EnumMap<>(LinearRole.class);
      block.biases().forEach((role, bias) -> biases.put(role, new float[bias.length]));
      return new BlockParameters<>(block.linears(), biases, block.norms());
    }

    @Override
    public Matrix embeddingRows(int from, int to) {
      Matrix rows = super.embeddingRows(from, to);
      if (embeddings) {
        clear(rows);
      }
      return rows;
    }

    private static void clear(Matrix matrix) {
      for (int r = 0; r < matrix.rows(); r++) {
        matrix.writeRow(r, new float[matrix.columns()]);
      }
    }
  }

  @Test
  void aModelOfZerosIsRefusedWithTheCause() {
    SearchSettings settings =
        new SearchSettings(
            List.of(
                Quantizers.load().get(new AlgorithmName("rtn")),
                Quantizers.load().get(new AlgorithmName("gptq"))),
            32,
            ActivationMode.PER_GROUP,
            Metric.CKA,
            Granularity.BLOCK,
            false,
            20,
            true,
            new HeadRule.Given(TableFormat.INT8));
    try (TorchRuntime torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels());
        Parallel parallel = new Parallel(2)) {
      Compute compute = new Compute(parallel, KernelVariants.ofThisMachine().searchKernels());
      SearchException e =
          assertThrows(
              SearchException.class,
              () ->
                  Search.run(
                      new SearchInputs(
                          torch, new Zeros(true), layer -> Map.of(), settings, compute),
                      set,
                      (variant, layer, block) -> {},
                      at -> {}));
      assertEquals(
          "block 0: expected an output that differs between tokens, got the same for all 48 tokens"
              + " of the calibration text (the embeddings of all tokens are equal and all of its"
              + " weights are zero); no algorithm can be judged on it: the checkpoint is damaged or"
              + " was never trained, download it again",
          e.getMessage());
      QuantPlan plan =
          Search.run(
              new SearchInputs(torch, new Zeros(false), layer -> Map.of(), settings, compute),
              set,
              (variant, layer, block) -> {},
              at -> {});
      assertEquals(LAYERS, plan.blocks().size(), "blocks that add nothing can be quantized");
    }
  }

  @Test
  void aFailureIsAValueInThePlan() {
    QuantPlan plan =
        search(
            List.of(new WeakQuantizers.Failing(), Quantizers.load().get(new AlgorithmName("rtn"))));
    for (QuantPlan.BlockChoice choice : plan.blocks()) {
      assertEquals("rtn", choice.algorithm());
      String failure = choice.candidates().get("failing").failure().orElseThrow();
      assertEquals("block %d: linear Q: on purpose".formatted(choice.block()), failure);
    }
    assertEquals(LAYERS * 2, plan.evaluations());
  }

  @Test
  void aBlockThatNothingCanQuantizeEndsTheSearchByName() {
    SearchException e =
        assertThrows(SearchException.class, () -> search(List.of(new WeakQuantizers.Failing())));
    assertTrue(e.getMessage().contains("block 0: linear Q: on purpose"), e.getMessage());
  }

  @Test
  void theSameSearchGivesTheSamePlan() {
    List<Quantizer> pool =
        List.of(
            Quantizers.load().get(new AlgorithmName("rtn")),
            Quantizers.load().get(new AlgorithmName("smoothquant")));
    QuantPlan first = search(pool);
    QuantPlan second = search(pool);
    for (int layer = 0; layer < LAYERS; layer++) {
      assertEquals(first.blocks().get(layer).algorithm(), second.blocks().get(layer).algorithm());
    }
    assertEquals(first.served(), second.served());
  }

  @Test
  void scoredRowsAreThoseOfAllBlocksCountedOnce() {
    QuantPlan plan = search(WeakQuantizers.pool("rtn", "awq", "gptq"));
    assertEquals(LAYERS * 2 * 24, plan.scoredRows(), "two sequences of 24 in each block");
    assertEquals(0, plan.sinkRows(), "random weights make no sinks");
  }

  @Test
  void withoutTheGuardThereAreNoForwardsOfIt() {
    QuantPlan guarded = search(WeakQuantizers.pool("rtn", "gptq"));
    assertEquals(2 * LAYERS + uniformPass(guarded), guarded.guardForwards());

    QuantPlan free = search(WeakQuantizers.pool("rtn", "gptq"), false, false);
    assertEquals(0, free.guardForwards());
    assertEquals("calm", free.served());
    assertEquals(scores(guarded), scores(free), "the guard changes no score");

    assertEquals(
        0, search(WeakQuantizers.pool("gptq")).guardForwards(), "one algorithm has no rival");
  }

  /** The fit and the guard's part behind the blocks that the mix has in common with a uniform. */
  private static int uniformPass(QuantPlan plan) {
    return plan.guard().stream()
        .flatMap(guard -> guard.uniforms().stream())
        .mapToInt(uniform -> 2 * (LAYERS - common(plan, uniform.algorithm())))
        .sum();
  }

  private static int common(QuantPlan plan, String uniform) {
    int common = 0;
    while (plan.blocks().get(common).algorithm().equals(uniform)) {
      common++;
    }
    return common;
  }

  /** GPTQ or {@code usual}, but for some calls: in these the attention is all but silent. */
  private static final class Moody implements Quantizer {
    private final String name;
    private final Quantizer usual;
    private final Set<Integer> badCalls;
    private Set<Integer> weakCalls = Set.of();
    private Set<Integer> failingCalls = Set.of();
    private int calls;

    Moody(String name, Set<Integer> badCalls) {
      this(name, "gptq", badCalls);
    }

    Moody(String name, String usual, Set<Integer> badCalls) {
      this.name = name;
      this.usual = Quantizers.load().get(new AlgorithmName(usual));
      this.badCalls = badCalls;
    }

    /** Halves the input of the attention in some calls. */
    Moody weak(Integer... calls) {
      weakCalls = Set.of(calls);
      return this;
    }

    /** Fails in some calls. */
    Moody failing(Integer... calls) {
      failingCalls = Set.of(calls);
      return this;
    }

    @Override
    public boolean comparesStreams() {
      return usual.comparesStreams();
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public Result quantize(BlockSample sample) {
      if (failingCalls.contains(calls)) {
        throw new QuantizationException("linear Q: on purpose");
      }
      Result result = usual.quantize(sample);
      boolean weak = weakCalls.contains(calls);
      if (!badCalls.contains(calls++) && !weak) {
        return result;
      }
      BlockParameters<QuantizedLinear> block = result.block();
      float[] attention = block.norm(NormRole.ATTENTION).clone();
      for (int i = 0; i < attention.length; i++) {
        attention[i] *= weak ? 0.5f : 0;
      }
      Map<NormRole, float[]> norms = new EnumMap<>(block.norms());
      norms.put(NormRole.ATTENTION, attention);
      return new Result(
          new BlockParameters<>(block.linears(), block.biases(), norms), result.detail());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gptq", "qep"})
  void theGuardTakesOverTheBlocksThatAUniformPlanHasInCommonWithTheMix(String usual) {
    Quantizer first = new Moody("first", usual, Set.of(2));
    Quantizer last = new Moody("last", usual, Set.of(0, 1));
    QuantPlan plan = search(List.of(first, last));
    assertEquals(
        List.of("first", "first", "last"),
        plan.blocks().stream().map(QuantPlan.BlockChoice::algorithm).toList());
    assertEquals(2 * LAYERS + 2, plan.guardForwards(), "one block of three is made again");
    assertEquals(
        List.of("uniform-first 0", "uniform-first 1", "uniform-first 2"),
        blocks.stream().filter(name -> name.startsWith("uniform")).toList());
    // The last block is the same in both, so the plans are the same and so is every bit of the
    // stream.
    QuantPlan.GuardResult guard = plan.guard().orElseThrow();
    assertEquals("first", guard.uniform());
    assertEquals(guard.mixKl(), guard.uniformKl());
    assertEquals(1, guard.uniforms().size(), "the other has far more error");
  }

  /** Two algorithms of the same errors, the second of which is bad where the search cannot see. */
  @Test
  void twoUniformPlansThatAreCloseAreBothMadeAndJudged() {
    QuantPlan plan =
        search(List.of(new Moody("first", Set.of()), new Moody("second", Set.of(LAYERS + 1))));
    assertEquals(
        List.of("first", "first", "first"),
        plan.blocks().stream().map(QuantPlan.BlockChoice::algorithm).toList());
    QuantPlan.GuardResult guard = plan.guard().orElseThrow();
    assertEquals(
        List.of("second"),
        guard.uniforms().stream().map(QuantPlan.UniformResult::algorithm).toList(),
        "the mix is the first uniform plan itself");
    assertTrue(guard.mixServed(), plan.reason());
    assertTrue(guard.uniformKl() > guard.mixKl(), plan.reason());
    assertTrue(
        plan.reason().contains("summed block errors of the uniform plans: first"), plan.reason());
    double errors =
        plan.blocks().stream().mapToDouble(b -> b.candidates().get("second").normalizedMse()).sum();
    assertEquals(errors, guard.uniforms().get(0).blockErrors());
  }

  /**
   * A mix of two algorithms that are both bad in the last block, in the search alone. The head is
   * judged on the served plan, which is the uniform one that was made first.
   */
  @Test
  void theUniformPlanThatBeatsTheMixAndTheOtherOneIsServedToTheHead() {
    Quantizer first = new Moody("first", Set.of(LAYERS - 1)).weak(0);
    Quantizer second = new Moody("second", Set.of(LAYERS - 1)).weak(1);
    QuantPlan plan =
        search(
            List.of(first, second),
            false,
            true,
            new HeadRule.Rounded(
                WeakQuantizers.pool("gptq").get(0).rounding().orElseThrow(), false));
    QuantPlan.GuardResult guard = plan.guard().orElseThrow();
    assertEquals(2, guard.uniforms().size(), plan.reason());
    assertEquals(guard.uniforms().get(0).algorithm(), guard.uniform(), plan.reason());
    assertEquals("uniform-" + guard.uniform(), plan.served(), plan.reason());
    double head = plan.head().trial().orElseThrow().int8Kl();
    assertTrue(head < guard.mixKl() / 2, plan.reason() + plan.head());
  }

  @Test
  void aUniformPlanThatCannotBeMadeIsNamedWithTheCause() {
    QuantPlan plan =
        search(
            List.of(
                new Moody("first", Set.of()), new Moody("second", Set.of()).failing(LAYERS + 1)));
    assertEquals("calm", plan.served());
    assertTrue(
        plan.reason().startsWith("the best uniform plan could not be made: ")
            && plan.reason().contains("block 1: linear Q: on purpose"),
        plan.reason());
  }

  @Test
  void everyMetricSearches() {
    for (Metric metric : Metric.values()) {
      QuantPlan plan = search(WeakQuantizers.pool("rtn", "gptq"), metric);
      assertEquals(metric, plan.metric());
      for (QuantPlan.BlockChoice choice : plan.blocks()) {
        for (QuantPlan.Candidate candidate : choice.candidates().values()) {
          assertTrue(candidate.failure().isEmpty(), metric + " " + candidate);
          assertTrue(candidate.normalizedMse() > 0, metric + " " + candidate);
        }
      }
    }
  }

  /** qep reads both streams in the search, in the uniform pass of the guard, and alone. */
  @Test
  void anAlgorithmThatComparesStreamsRunsInEveryPart() {
    QuantPlan plan = search(WeakQuantizers.pool("rtn", "qep", "awq"), true, true);
    assertTrue(
        plan.blocks().stream()
            .map(block -> block.candidates().get("qep"))
            .allMatch(c -> c.failure().isEmpty() && Double.isFinite(c.score())),
        plan.toString());
    QuantPlan again = search(WeakQuantizers.pool("rtn", "qep", "awq"), true, true);
    assertEquals(scores(plan), scores(again));
    QuantPlan other = search(WeakQuantizers.pool("rtn", "gptq", "awq"), true, true);
    assertNotEquals(
        plan.blocks().get(1).candidates().get("qep").relativeMse(),
        other.blocks().get(1).candidates().get("gptq").relativeMse(),
        "behind the first block the streams differ, and qep corrects");
  }

  @Test
  void theFullPrecisionReferenceDiffersBehindTheFirstBlock() {
    QuantPlan quantized = search(WeakQuantizers.pool("rtn", "gptq"), false, false);
    QuantPlan full = search(WeakQuantizers.pool("rtn", "gptq"), true, false);
    assertEquals(scores(quantized).get(0), scores(full).get(0));
    for (int layer = 1; layer < LAYERS; layer++) {
      double own = full.blocks().get(layer).candidates().get("rtn").relativeMse();
      double fed = quantized.blocks().get(layer).candidates().get("rtn").relativeMse();
      assertTrue(own > fed, "the error of the prefix counts too: %g, %g".formatted(own, fed));
    }
  }

  private static List<List<Double>> scores(QuantPlan plan) {
    return plan.blocks().stream()
        .map(b -> b.candidates().values().stream().map(QuantPlan.Candidate::score).toList())
        .toList();
  }
}
