package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.AllMetrics;
import io.calm.cka.ComparedRows;
import io.calm.cka.Metric;
import io.calm.cka.Score;
import io.calm.model.BlockParameters;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.replay.HiddenStates;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * A sensitivity table: the KL divergence of the final logits to full precision when one block alone
 * is quantized, for each block and each algorithm of a pool.
 *
 * <p><b>Design.</b> Every stream is the full-precision one, so the cells do not depend on each
 * other. An algorithm quantizes the block on the fit part of the calibration. Its output on the
 * score part is compared with the full-precision output by every metric. Its output on the held-out
 * windows then runs through the full-precision blocks after it and the full-precision lm_head. The
 * divergences are the truth that a metric is judged by: they tell what a choice costs at the end of
 * the model, which a metric predicts from the block's output alone.
 *
 * <p><b>Cost.</b> A cell takes one quantization and the forwards of all blocks after the block, on
 * the held-out windows. The algorithms of a block run through the blocks after it together, so that
 * these are read once. Finished cells go to the {@link Log} at once and are not measured again.
 *
 * <p>An object of this class is one run, which a single thread executes.
 */
public final class Sensitivity {
  /** Name of the blocks after the measured one in {@link Progress.Measuring}. */
  public static final String TAIL = "later blocks";

  /** Name of the full-precision forwards before the first block, likewise. */
  public static final String REFERENCE = "full precision";

  private final SearchContext context;
  private final CalibrationSet set;
  private final List<Integer> blocks;
  private final List<Text> texts;
  private final Log log;
  private final SensitivityMeter meter;

  private Sensitivity(
      SearchInputs inputs,
      CalibrationSet set,
      List<Integer> blocks,
      List<Text> texts,
      Log log,
      Consumer<Progress> listener) {
    this.context = new SearchContext(inputs);
    this.set = set;
    this.blocks = blocks.stream().filter(layer -> !missing(inputs, log, layer).isEmpty()).toList();
    this.texts = List.copyOf(texts);
    this.log = log;
    this.meter =
        new SensitivityMeter(
            listener, System::nanoTime, this.blocks, context.spec().layers(), pool().size());
  }

  /**
   * Held-out windows.
   *
   * @param windows token ids, all of one length, the same in all texts of a table
   */
  public record Text(String name, List<int[]> windows) {
    public Text {
      windows = List.copyOf(windows);
    }
  }

  /** The finished cells of a table. */
  public interface Log {
    /** Returns a cell; empty if it is not finished. */
    Optional<SensitivityCell> find(int block, String algorithm);

    /** Adds a finished cell. */
    void add(SensitivityCell cell);
  }

  /**
   * Measures the cells that the log lacks.
   *
   * @param blocks the blocks to measure, ascending
   * @param texts one text or more
   * @param listener receives every step, on the calling thread; an exception that it throws ends
   *     the run
   */
  public static void run(
      SearchInputs inputs,
      CalibrationSet set,
      List<Integer> blocks,
      List<Text> texts,
      Log log,
      Consumer<Progress> listener) {
    new Sensitivity(inputs, set, blocks, texts, log, listener).measure();
  }

  private static List<Quantizer> missing(SearchInputs inputs, Log log, int layer) {
    return inputs.settings().pool().stream()
        .filter(quantizer -> log.find(layer, quantizer.name()).isEmpty())
        .toList();
  }

  private List<Quantizer> pool() {
    return context.settings().pool();
  }

  private void measure() {
    if (blocks.isEmpty()) {
      return;
    }
    List<int[]> windows = texts.stream().flatMap(text -> text.windows().stream()).toList();
    try (HiddenStates reference = reference(windows);
        Streams full = Streams.embed(context.model(), set, EnumSet.of(Part.FIT, Part.SCORE));
        HeldOut heldOut = new HeldOut(context.model().embed(windows))) {
      int last = blocks.get(blocks.size() - 1);
      for (int layer = 0; layer <= last; layer++) {
        BlockParameters<Matrix> block = context.block(layer);
        try {
          Streams.Block forward = context.fullForward(layer, block);
          if (blocks.contains(layer)) {
            measure(layer, block, full, heldOut.states, reference);
          } else {
            full.advance(Part.FIT, forward);
          }
          full.advance(Part.SCORE, forward);
          heldOut.advance(forward);
        } finally {
          BlockParameters.close(block);
        }
      }
    }
  }

  /** The full-precision hidden states of the held-out windows. */
  private static final class HeldOut implements AutoCloseable {
    private HiddenStates states;

    HeldOut(HiddenStates states) {
      this.states = states;
    }

    void advance(Streams.Block block) {
      HiddenStates old = states;
      states = block.run(old);
      old.close();
    }

    @Override
    public void close() {
      states.close();
    }
  }

  /** Returns the input of the full-precision lm_head. */
  private HiddenStates reference(List<int[]> windows) {
    meter.reference();
    try (HeldOut full = new HeldOut(context.model().embed(windows))) {
      runBehind(-1, List.of(full));
      return context.model().finalNorm(full.states);
    }
  }

  /** Runs states through the full-precision blocks after {@code layer}. */
  private void runBehind(int layer, List<HeldOut> candidates) {
    for (int behind = layer + 1; behind < context.spec().layers(); behind++) {
      BlockParameters<Matrix> block = context.block(behind);
      try {
        Streams.Block forward = context.fullForward(behind, block);
        candidates.forEach(candidate -> candidate.advance(forward));
      } finally {
        BlockParameters.close(block);
      }
    }
  }

  private void measure(
      int layer,
      BlockParameters<Matrix> block,
      Streams full,
      HiddenStates heldOut,
      HiddenStates reference) {
    List<SensitivityCell> cells = new ArrayList<>();
    List<HeldOut> candidates = new ArrayList<>();
    try (FullFit fit = new FullFit(context, layer, block, full);
        Matrix target = target(layer, block, full.get(Part.SCORE));
        Matrix input = full.get(Part.SCORE).toMatrix()) {
      AllMetrics metrics = metrics(target, input);
      List<Quantizer> missing = pool().stream().filter(q -> isMissing(layer, q)).toList();
      for (int i = 0; i < missing.size(); i++) {
        Quantizer quantizer = missing.get(i);
        meter.trying(layer, i, quantizer.name());
        double start = meter.seconds();
        Quantizer.Result result;
        try {
          result = fit.quantize(quantizer, full.get(Part.FIT));
        } catch (QuantizationException e) {
          log.add(failed(layer, quantizer, e, meter.seconds() - start));
          continue;
        }
        Streams.Block forward = context.forward(layer, result.block());
        Map<String, Double> scores;
        try (HiddenStates output = forward.run(full.get(Part.SCORE));
            Matrix matrix = output.toMatrix()) {
          scores = scores(metrics, matrix);
        }
        cells.add(
            new SensitivityCell(
                layer,
                quantizer.name(),
                Optional.empty(),
                scores,
                Map.of(),
                meter.seconds() - start));
        candidates.add(new HeldOut(forward.run(heldOut)));
      }
      if (!cells.isEmpty()) {
        meter.trying(layer, missing.size(), TAIL);
        runBehind(layer, candidates);
        addDivergences(cells, candidates, reference);
      }
      fit.advance();
      meter.finished(layer);
    } finally {
      candidates.forEach(HeldOut::close);
    }
  }

  private boolean isMissing(int layer, Quantizer quantizer) {
    return log.find(layer, quantizer.name()).isEmpty();
  }

  private Matrix target(int layer, BlockParameters<Matrix> block, HiddenStates score) {
    try (HiddenStates output = context.fullForward(layer, block).run(score)) {
      return output.toMatrix();
    }
  }

  private AllMetrics metrics(Matrix target, Matrix input) {
    double threshold = context.settings().sinkThreshold();
    ComparedRows rows =
        threshold > 0
            ? ComparedRows.scalingSinks(target, threshold)
            : ComparedRows.all(target.rows());
    return new AllMetrics(target, input, rows, context.threads(), context.compute().kernels());
  }

  private static Map<String, Double> scores(AllMetrics metrics, Matrix output) {
    Map<String, Double> scores = new TreeMap<>();
    Map<Metric, Score> all = metrics.scores(output);
    for (Map.Entry<Metric, Score> entry : all.entrySet()) {
      double value = entry.getValue() instanceof Score.Value v ? v.value() : Double.NaN;
      scores.put(entry.getKey().setting(), value);
    }
    return scores;
  }

  private static SensitivityCell failed(
      int layer, Quantizer quantizer, QuantizationException failure, double seconds) {
    return new SensitivityCell(
        layer,
        quantizer.name(),
        Optional.of(String.valueOf(failure.getMessage())),
        Map.of(),
        Map.of(),
        seconds);
  }

  private void addDivergences(
      List<SensitivityCell> cells, List<HeldOut> candidates, HiddenStates reference) {
    List<HiddenStates> inputs = new ArrayList<>();
    try {
      candidates.forEach(candidate -> inputs.add(context.model().finalNorm(candidate.states)));
      List<double[]> divergences = context.model().klDivergences(reference, inputs);
      for (int i = 0; i < cells.size(); i++) {
        SensitivityCell cell = cells.get(i);
        log.add(
            new SensitivityCell(
                cell.block(),
                cell.algorithm(),
                cell.failure(),
                cell.scores(),
                byText(divergences.get(i)),
                cell.seconds()));
      }
    } finally {
      inputs.forEach(HiddenStates::close);
    }
  }

  private Map<String, List<Double>> byText(double[] windows) {
    Map<String, List<Double>> byText = new LinkedHashMap<>();
    int at = 0;
    for (Text text : texts) {
      List<Double> values = new ArrayList<>();
      for (int w = 0; w < text.windows().size(); w++) {
        values.add(windows[at++]);
      }
      byText.put(text.name(), values);
    }
    return byText;
  }
}
