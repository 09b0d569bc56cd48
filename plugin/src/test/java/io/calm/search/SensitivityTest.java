package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.Metric;
import io.calm.kernels.KernelVariants;
import io.calm.kernels.SearchKernels;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.quant.Compute;
import io.calm.quant.Granularity;
import io.calm.quant.Quantizer;
import io.calm.replay.BlockPass;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceHead;
import io.calm.replay.ReferenceModel;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** The sensitivity table of a small random model, against logits computed on their own. */
class SensitivityTest {
  private static final int LAYERS = 3;
  private static final SearchKernels KERNELS = KernelVariants.ofThisMachine().searchKernels();

  private final SyntheticModel weights = new SyntheticModel(LAYERS, 7);
  private final CalibrationSet set =
      new CalibrationSet(
          "self",
          5,
          weights.windows(6, 24, 1),
          weights.windows(2, 24, 2),
          weights.windows(2, 24, 3));
  private final List<Sensitivity.Text> texts =
      List.of(
          new Sensitivity.Text("guard part", weights.windows(2, 16, 4)),
          new Sensitivity.Text("other", weights.windows(3, 16, 5)));
  private final List<Progress> moments = new ArrayList<>();

  /** A log in memory whose process is killed when it would add one cell too many. */
  private static final class Memory implements Sensitivity.Log {
    private final Map<String, SensitivityCell> cells = new LinkedHashMap<>();
    private int left = Integer.MAX_VALUE;

    @Override
    public Optional<SensitivityCell> find(int block, String algorithm) {
      return Optional.ofNullable(cells.get(block + algorithm));
    }

    @Override
    public void add(SensitivityCell cell) {
      if (left-- == 0) {
        throw new IllegalStateException("killed");
      }
      assertEquals(Optional.empty(), find(cell.block(), cell.algorithm()), "measured twice");
      cells.put(cell.block() + cell.algorithm(), cell);
    }

    /** Returns the cells without their times. */
    Map<String, SensitivityCell> timeless() {
      Map<String, SensitivityCell> timeless = new LinkedHashMap<>();
      cells.forEach(
          (key, cell) ->
              timeless.put(
                  key,
                  new SensitivityCell(
                      cell.block(),
                      cell.algorithm(),
                      cell.failure(),
                      cell.scores(),
                      cell.kl(),
                      0)));
      return timeless;
    }
  }

  private <T> T withInputs(List<Quantizer> pool, Function<SearchInputs, T> work) {
    SearchSettings settings =
        new SearchSettings(
            pool,
            32,
            ActivationMode.PER_GROUP,
            Metric.CKA,
            Granularity.BLOCK,
            false,
            20,
            true,
            new HeadRule.Given(TableFormat.INT8));
    try (TorchRuntime torch = TorchRuntime.open(2, KERNELS);
        Parallel parallel = new Parallel(2)) {
      return work.apply(
          new SearchInputs(
              torch, weights, layer -> Map.of(), settings, new Compute(parallel, KERNELS)));
    }
  }

  private Memory measure(Memory log, List<Quantizer> pool, Integer... blocks) {
    return withInputs(
        pool,
        inputs -> {
          Sensitivity.run(inputs, set, List.of(blocks), texts, log, moments::add);
          return log;
        });
  }

  @Test
  void divergencesAreThoseOfTheModelWithOneBlockQuantized() {
    Memory log = measure(new Memory(), WeakQuantizers.pool("rtn"), 0, 1, 2);
    List<int[]> windows = texts.stream().flatMap(text -> text.windows().stream()).toList();
    for (int layer = 0; layer < LAYERS; layer++) {
      List<Double> got =
          log.find(layer, "rtn").orElseThrow().kl().values().stream()
              .flatMap(List::stream)
              .toList();
      int quantized = layer;
      List<Double> expected =
          withInputs(
              WeakQuantizers.pool("rtn"),
              inputs ->
                  divergences(logits(inputs, windows, -1), logits(inputs, windows, quantized)));
      assertEquals(expected.size(), got.size());
      for (int w = 0; w < expected.size(); w++) {
        assertTrue(expected.get(w) > 0, "rounded inputs change the logits");
        assertEquals(expected.get(w), got.get(w), 1e-3 * expected.get(w), "block " + layer);
      }
    }
  }

  /** Returns the logits [windows][T][V] with block {@code quantized} rounded to nearest. */
  private List<float[][]> logits(SearchInputs inputs, List<int[]> windows, int quantized) {
    ReferenceModel model = new ReferenceModel(inputs.torch(), weights);
    HiddenStates states = model.embed(windows);
    for (int layer = 0; layer < LAYERS; layer++) {
      BlockParameters<Matrix> block = weights.block(layer);
      if (layer == quantized) {
        BlockParameters<QuantizedLinear> rounded =
            WeakQuantizers.pool("rtn")
                .get(0)
                .quantize(new ReplayedBlock(inputs, layer, block, states, Optional.empty()))
                .block();
        states =
            model.moduleBlock(
                layer, states, rounded, new BlockPass.InputRounding(ActivationMode.PER_GROUP, 32));
      } else {
        states = model.block(layer, states, block);
      }
    }
    List<float[][]> logits = new ArrayList<>();
    try (HiddenStates normalized = model.finalNorm(states);
        ReferenceHead head = model.head();
        Matrix rows = normalized.toMatrix();
        Matrix all = head.logits(rows)) {
      int length = normalized.length();
      for (int from = 0; from < all.rows(); from += length) {
        float[][] window = new float[length][all.columns()];
        for (int r = 0; r < length; r++) {
          all.readRow(from + r, window[r]);
        }
        logits.add(window);
      }
    }
    return logits;
  }

  /** Returns the mean over tokens of sum p log(p / q), window by window. */
  private static List<Double> divergences(List<float[][]> full, List<float[][]> other) {
    List<Double> means = new ArrayList<>();
    for (int w = 0; w < full.size(); w++) {
      double sum = 0;
      for (int t = 0; t < full.get(w).length; t++) {
        double[] p = softmax(full.get(w)[t]);
        double[] q = softmax(other.get(w)[t]);
        for (int v = 0; v < p.length; v++) {
          sum += p[v] * Math.log(p[v] / q[v]);
        }
      }
      means.add(sum / full.get(w).length);
    }
    return means;
  }

  private static double[] softmax(float[] logits) {
    double[] p = new double[logits.length];
    double sum = 0;
    for (int v = 0; v < p.length; v++) {
      p[v] = Math.exp(logits[v]);
      sum += p[v];
    }
    for (int v = 0; v < p.length; v++) {
      p[v] /= sum;
    }
    return p;
  }

  @Test
  void aCellDependsOnNoOtherBlockAndNoOtherAlgorithm() {
    Map<String, SensitivityCell> all =
        measure(new Memory(), WeakQuantizers.pool("rtn", "gptq"), 0, 1, 2).timeless();
    assertEquals(2 * LAYERS, all.size());
    Map<String, SensitivityCell> one =
        measure(new Memory(), WeakQuantizers.pool("gptq"), 1).timeless();
    assertEquals(Map.of("1gptq", Objects.requireNonNull(all.get("1gptq"))), one);
    SensitivityCell cell = one.get("1gptq");
    assertEquals(
        List.of("guard part", "other"), List.copyOf(cell.kl().keySet()), "in the given order");
    assertEquals(2, cell.kl().get("guard part").size());
    assertEquals(3, cell.kl().get("other").size());
    for (Metric metric : Metric.values()) {
      assertTrue(Double.isFinite(cell.scores().get(metric.setting())), metric.setting());
    }
  }

  @Test
  void aRunThatWasKilledContinuesWithTheSameCells() {
    List<Quantizer> pool = WeakQuantizers.pool("rtn", "gptq", "awq");
    Map<String, SensitivityCell> whole = measure(new Memory(), pool, 0, 2).timeless();
    for (int finished : new int[] {0, 1, 4}) {
      Memory log = new Memory();
      log.left = finished;
      assertThrows(IllegalStateException.class, () -> measure(log, pool, 0, 2));
      assertEquals(finished, log.cells.size());
      log.left = 6 - finished;
      assertEquals(whole, measure(log, pool, 0, 2).timeless(), "killed behind " + finished);
    }
  }

  @Test
  void aFinishedTableIsNotMeasuredAgain() {
    Memory log = measure(new Memory(), WeakQuantizers.pool("rtn"), 1);
    moments.clear();
    log.left = 0;
    measure(log, WeakQuantizers.pool("rtn"), 1);
    assertEquals(List.of(), moments);
  }

  @Test
  void aFailureIsACellOfItsOwn() {
    Memory log =
        measure(
            new Memory(),
            List.of(new WeakQuantizers.Failing(), WeakQuantizers.pool("rtn").get(0)),
            0);
    assertEquals(
        Optional.of("linear Q: on purpose"), log.find(0, "failing").orElseThrow().failure());
    assertEquals(Optional.empty(), log.find(0, "rtn").orElseThrow().failure());
    Memory alone = measure(new Memory(), List.of(new WeakQuantizers.Failing()), 0, 1);
    assertEquals(2, alone.cells.size(), "nothing is left to run behind");
  }

  @Test
  void progressCountsTheBlocksThatAreMissing() {
    Memory log = measure(new Memory(), WeakQuantizers.pool("rtn"), 0);
    moments.clear();
    measure(log, WeakQuantizers.pool("rtn"), 0, 1, 2);
    List<Progress.Position> positions =
        moments.stream()
            .map(moment -> ((Progress.Measuring) moment).position())
            .distinct()
            .toList();
    assertEquals(List.of(new Progress.Position(0, 2), new Progress.Position(1, 2)), positions);
    Progress last = moments.get(moments.size() - 1);
    assertTrue(last.etaSeconds() >= 0, "an estimate once a block is measured");
  }
}
