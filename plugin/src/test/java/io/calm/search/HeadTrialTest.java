package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.Metric;
import io.calm.kernels.KernelVariants;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.quant.AlgorithmName;
import io.calm.quant.Compute;
import io.calm.quant.Granularity;
import io.calm.quant.NearestRounding;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.quant.Rounding;
import io.calm.replay.HeadComparison;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceModel;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The cost of an int4 lm_head, and the decision to use it. */
class HeadTrialTest {
  private static final int LAYERS = 2;
  private static final int TOKENS = 61;
  private static final Rounding GPTQ =
      Quantizers.load().get(new AlgorithmName("gptq")).rounding().orElseThrow();

  private final SyntheticModel weights = new SyntheticModel(LAYERS, 7);
  private final CalibrationSet set =
      new CalibrationSet(
          "self",
          5,
          weights.windows(8, 24, 1),
          weights.windows(2, 24, 2),
          weights.windows(2, 24, 3));

  /** The results that a search hands out. */
  private static final class Sink implements BlockSink {
    final List<TokenTable> heads = new ArrayList<>();

    @Override
    public void block(String variant, int layer, BlockParameters<QuantizedLinear> block) {
      // only the head is looked at
    }

    @Override
    public void head(TokenTable table) {
      heads.add(table);
    }
  }

  private QuantPlan plan(HeadRule rule, boolean uniform, Sink sink, String... pool) {
    return plan(set, rule, uniform, sink, pool);
  }

  private QuantPlan plan(
      CalibrationSet set, HeadRule rule, boolean uniform, Sink sink, String... pool) {
    Quantizers all = Quantizers.load();
    List<Quantizer> quantizers = Arrays.stream(pool).map(AlgorithmName::new).map(all::get).toList();
    SearchSettings settings =
        new SearchSettings(
            quantizers,
            32,
            ActivationMode.PER_GROUP,
            Metric.CKA,
            Granularity.BLOCK,
            false,
            20,
            !uniform,
            rule);
    try (TorchRuntime torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels());
        Parallel parallel = new Parallel(2)) {
      SearchInputs inputs =
          new SearchInputs(
              torch,
              weights,
              layer -> Map.of(),
              settings,
              new Compute(parallel, KernelVariants.ofThisMachine().searchKernels()));
      return uniform
          ? Search.runUniform(inputs, set, sink, "as set", moment -> {})
          : Search.run(inputs, set, sink, moment -> {});
    }
  }

  @Test
  void int4IsTakenWhereItCostsAtMostTheBound() {
    double[] int8 = {0.1, 0.3};
    double max = HeadTrial.BOUND * 0.2;
    QuantPlan.Head within = HeadTrial.decide(int8, new double[] {0.1, 0.3 + 1.9 * max}, false);
    assertEquals(TableFormat.INT4, within.format());
    assertEquals(0.2, within.trial().orElseThrow().int8Kl(), 1e-12);
    assertEquals(max, within.trial().orElseThrow().bound(), 1e-12);
    assertEquals(
        TableFormat.INT8,
        HeadTrial.decide(int8, new double[] {0.1, 0.3 + 2.1 * max}, false).format());
    assertEquals(
        TableFormat.INT4,
        HeadTrial.decide(int8, new double[] {0.1, 0.2}, false).format(),
        "even better");
    double[] none = {0, 0};
    assertEquals(TableFormat.INT4, HeadTrial.decide(none, none, false).format(), "at the bound");
    assertEquals(
        TableFormat.INT8, HeadTrial.decide(int8, new double[] {0.1, Double.NaN}, false).format());
    assertEquals(
        TableFormat.INT4, HeadTrial.decide(int8, new double[] {1, 1}, true).format(), "asked for");
  }

  @Test
  void theHeadOfASearchIsMeasuredOnHeldOutSequences() {
    for (String[] pool : List.of(new String[] {"gptq"}, new String[] {"rtn", "gptq"})) {
      Sink sink = new Sink();
      QuantPlan plan = plan(new HeadRule.Rounded(GPTQ, false), false, sink, pool);
      requireMeasured(plan, sink);
    }
  }

  @Test
  void theHeadOfAUniformPlanIsMeasuredToo() {
    Sink sink = new Sink();
    QuantPlan plan = plan(new HeadRule.Rounded(GPTQ, false), true, sink, "gptq");
    requireMeasured(plan, sink);
    assertEquals(3 * LAYERS, plan.guardForwards(), "two streams over the guard's part, one to fit");
  }

  @Test
  void tooFewTokensForTheHeadAreNamed() {
    CalibrationSet small =
        new CalibrationSet(
            "self",
            5,
            weights.windows(1, 24, 1),
            weights.windows(2, 24, 2),
            weights.windows(2, 24, 3));
    HeadRule rule = new HeadRule.Rounded(GPTQ, false);
    String reason = plan(small, rule, true, new Sink(), "gptq").head().reason();
    assertTrue(
        reason.contains(
            "; 24 calibration tokens for %d inputs: ".formatted(weights.spec().hidden())),
        reason);
    String enough = plan(rule, true, new Sink(), "gptq").head().reason();
    assertFalse(enough.contains("calibration tokens"), enough);
  }

  private static void requireMeasured(QuantPlan plan, Sink sink) {
    QuantPlan.HeadTrialResult trial = plan.head().trial().orElseThrow();
    assertTrue(trial.int8Kl() > 0 && Double.isFinite(trial.int4Kl()), trial.toString());
    assertEquals(HeadTrial.BOUND * trial.int8Kl(), trial.bound());
    boolean taken = trial.int4Kl() - trial.int8Kl() <= trial.bound();
    assertEquals(taken ? TableFormat.INT4 : TableFormat.INT8, plan.head().format());
    assertEquals(taken ? 1 : 0, sink.heads.size());
    sink.heads.forEach(table -> assertEquals(TOKENS, table.tokens()));
  }

  @Test
  void aFormatThatIsGivenIsNotMeasured() {
    Sink sink = new Sink();
    QuantPlan plan = plan(new HeadRule.Given(TableFormat.FLOAT16), true, sink, "gptq");
    assertEquals(QuantPlan.Head.given(TableFormat.FLOAT16, "calm.lm-head=float16"), plan.head());
    assertEquals(0, plan.guardForwards());
    assertTrue(sink.heads.isEmpty());
    assertEquals(TableFormat.INT8, new HeadRule.Rounded(GPTQ, false).withoutSequences().format());
    assertEquals(TableFormat.INT4, new HeadRule.Rounded(GPTQ, true).withoutSequences().format());
  }

  @Test
  void aHeadThatCannotBeRoundedStaysInt8ByName() {
    Rounding failing =
        problem -> {
          throw new QuantizationException("linear %s: on purpose".formatted(problem.linearOf(0)));
        };
    QuantPlan.Head head =
        plan(new HeadRule.Rounded(failing, false), true, new Sink(), "gptq").head();
    assertEquals(TableFormat.INT8, head.format());
    assertTrue(head.reason().contains("LM_HEAD from token 0 on: on purpose"), head.reason());
    assertFalse(head.trial().isPresent());
  }

  @Test
  void anInt4HeadThatIsAskedForAndCannotBeRoundedEndsTheSearch() {
    Rounding failing =
        problem -> {
          throw new QuantizationException("on purpose");
        };
    HeadRule rule = new HeadRule.Rounded(failing, true);
    SearchException e =
        assertThrows(SearchException.class, () -> plan(rule, true, new Sink(), "gptq"));
    assertEquals("calm.lm-head=int4: on purpose", e.getMessage());
  }

  @Test
  void gptqsHeadIsNotWorseThanNearestCodes() {
    double gptq = int4Kl(GPTQ);
    double nearest = int4Kl(new NearestRounding(false));
    assertTrue(gptq <= nearest * 1.05, "gptq %g, nearest %g".formatted(gptq, nearest));
  }

  private double int4Kl(Rounding rounding) {
    return plan(new HeadRule.Rounded(rounding, false), true, new Sink(), "gptq")
        .head()
        .trial()
        .orElseThrow()
        .int4Kl();
  }

  @Test
  void klOverBandsIsKlByItsDefinition() {
    List<int[]> windows = weights.windows(3, 16, 11);
    try (TorchRuntime torch =
        TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels())) {
      ReferenceModel model = new ReferenceModel(torch, weights);
      try (HiddenStates x = model.embed(windows);
          HiddenStates y = model.embed(weights.windows(3, 16, 12));
          Matrix head = weights.headRows(0, TOKENS);
          Matrix other = weights.embeddingRows(0, TOKENS)) {
        HeadComparison comparison = new HeadComparison(x, List.of(y, x));
        other.set(3, 5, 2);
        for (int from = 0; from < TOKENS; from += 20) {
          int to = Math.min(TOKENS, from + 20);
          comparison.add(
              head.slice(from, to), List.of(other.slice(from, to), head.slice(from, to)));
        }
        double[] got = comparison.klDivergence(0);
        for (int w = 0; w < 3; w++) {
          assertEquals(kl(x.toMatrix(), y.toMatrix(), head, other, w, 16), got[w], 1e-5);
          assertEquals(0, comparison.klDivergence(1)[w], 1e-9, "a model against itself");
        }
      }
    }
  }

  private static double kl(Matrix x, Matrix y, Matrix head, Matrix other, int window, int length) {
    double sum = 0;
    for (int t = window * length; t < (window + 1) * length; t++) {
      double[] p = logSoftmax(x, head, t);
      double[] q = logSoftmax(y, other, t);
      for (int v = 0; v < p.length; v++) {
        sum += Math.exp(p[v]) * (p[v] - q[v]);
      }
    }
    return sum / length;
  }

  private static double[] logSoftmax(Matrix states, Matrix head, int row) {
    double[] logits = new double[head.rows()];
    double total = 0;
    for (int v = 0; v < logits.length; v++) {
      for (int k = 0; k < head.columns(); k++) {
        logits[v] += (double) states.get(row, k) * head.get(v, k);
      }
      total += Math.exp(logits[v]);
    }
    for (int v = 0; v < logits.length; v++) {
      logits[v] -= Math.log(total);
    }
    return logits;
  }
}
