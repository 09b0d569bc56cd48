package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.Rows;
import io.calm.cka.Score;
import io.calm.cka.Similarities;
import io.calm.cka.Similarity;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.WeightSource;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.replay.HiddenStates;
import io.calm.replay.TorchRuntime;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * CALM's greedy search (arXiv 2512.16282): block by block, every algorithm of the pool quantizes
 * the block on the stream that the quantized prefix gives, the candidate whose output is most like
 * the full-precision block's is kept, and the search goes on behind it.
 *
 * <p>L x |P| candidates are scored, each by one block forward. Afterwards the best uniform plan by
 * mean score is made properly, and the mix is served only if it holds against that plan on
 * sequences that neither has seen ({@link Guard}). Held in memory: one full-precision block, its
 * candidates, and the hidden streams. One thread at a time.
 */
public final class Search {
  /** The variant of a mix. */
  static final String MIX = "calm";

  private final Workbench bench;
  private final SearchSettings settings;
  private final ProgressMeter progress;
  private final List<QuantPlan.BlockChoice> choices = new ArrayList<>();
  private int excludedRows;
  private int scoredRows;
  private int guardForwards;

  /**
   * Prepares a search.
   *
   * @param sourceCodes a block's linears that the checkpoint stores as W4A8 codes; may be empty
   * @param listener told of every step, on the searching thread
   */
  public Search(
      TorchRuntime torch,
      WeightSource weights,
      IntFunction<Map<LinearRole, QuantizedMatrix>> sourceCodes,
      SearchSettings settings,
      Parallel parallel,
      Consumer<SearchProgress> listener) {
    this.bench = new Workbench(torch, weights, sourceCodes, settings, parallel);
    this.settings = settings;
    this.progress =
        new ProgressMeter(
            listener,
            System::nanoTime,
            bench.spec().layers(),
            settings.pool().size(),
            Guard.needed(settings));
  }

  /**
   * Searches.
   *
   * @param sink receives the blocks of the mix, and of uniform plans where there is a guard: those
   *     of the best one, and the first blocks of one that the mix was like
   * @throws SearchException if every algorithm fails on a block
   */
  public QuantPlan run(CalibrationSet set, BlockSink sink) {
    Set<Part> ofQuantized = EnumSet.of(Part.FIT, Part.SCORE);
    Set<Part> ofFull = EnumSet.noneOf(Part.class);
    boolean heldOut = Guard.needed(settings) || settings.head() instanceof HeadRule.Rounded;
    if (heldOut) {
      ofQuantized.add(Part.GUARD);
      ofFull.add(Part.GUARD);
    }
    if (settings.fullPrecisionReference()) {
      ofFull.add(Part.SCORE);
    }
    try (Streams quantized = Streams.embed(bench.model(), set, ofQuantized);
        Streams full = Streams.embed(bench.model(), set, ofFull);
        UniformPrefix prefix = new UniformPrefix()) {
      for (int layer = 0; layer < bench.spec().layers(); layer++) {
        searchBlock(layer, quantized, full, prefix, sink);
      }
      Verdict verdict =
          new Guard(bench, progress).judge(choices, set, quantized, full, prefix, sink);
      try {
        QuantPlan.Head head = head(verdict.uniform().orElse(quantized), full, sink);
        return plan(set, verdict, head);
      } finally {
        verdict.uniform().ifPresent(Streams::close);
      }
    }
  }

  /**
   * Makes a uniform plan of the pool's one algorithm: no scores, no guard.
   *
   * @throws SearchException if the algorithm fails on a block
   */
  public QuantPlan runUniform(CalibrationSet set, BlockSink sink, String reason) {
    Quantizer quantizer = settings.pool().get(0);
    String variant = QuantPlan.uniform(quantizer.name());
    boolean heldOut = settings.head() instanceof HeadRule.Rounded;
    Set<Part> ofFull = heldOut ? EnumSet.of(Part.GUARD) : EnumSet.noneOf(Part.class);
    Set<Part> ofQuantized = heldOut ? EnumSet.of(Part.FIT, Part.GUARD) : EnumSet.of(Part.FIT);
    try (Streams stream = Streams.embed(bench.model(), set, ofQuantized);
        Streams full = Streams.embed(bench.model(), set, ofFull)) {
      int forwards =
          new UniformPass(bench, progress, "quantizing").run(quantizer, 0, stream, full, sink);
      for (int layer = 0; layer < bench.spec().layers(); layer++) {
        choices.add(new QuantPlan.BlockChoice(layer, quantizer.name(), reason, Map.of()));
      }
      Verdict verdict =
          new Verdict(variant, reason, Optional.empty(), heldOut ? forwards : 0, Optional.empty());
      return plan(set, verdict, head(stream, full, sink));
    }
  }

  private QuantPlan.Head head(Streams served, Streams full, BlockSink sink) {
    if (!(settings.head() instanceof HeadRule.Rounded rule)) {
      return settings.head().withoutSequences();
    }
    progress.phase("lm_head");
    HeadTrial.Outcome outcome = new HeadTrial(bench, rule).run(served, full);
    outcome.table().ifPresent(sink::head);
    return outcome.head();
  }

  private void searchBlock(
      int layer, Streams quantized, Streams full, UniformPrefix prefix, BlockSink sink) {
    BlockParameters<Matrix> block = bench.block(layer);
    try {
      Streams source = settings.fullPrecisionReference() ? full : quantized;
      List<Evaluation> evaluations = new ArrayList<>();
      try (HiddenStates output = bench.fullForward(layer, block).run(source.get(Part.SCORE));
          Matrix target = output.toMatrix()) {
        Similarity.Reference reference = reference(target);
        for (int i = 0; i < settings.pool().size(); i++) {
          Quantizer quantizer = settings.pool().get(i);
          progress.trying(layer, i, quantizer.name());
          Evaluation evaluation = evaluate(quantizer, layer, block, quantized, reference);
          evaluations.add(evaluation);
          progress.evaluated(evaluation.candidate().score());
        }
        if (evaluations.stream().allMatch(e -> e.made().isEmpty())) {
          ConstantOutput.explain(layer, block, source.get(Part.SCORE), target)
              .ifPresent(
                  why -> {
                    throw new SearchException(why);
                  });
        }
        full.advance(Part.SCORE, states -> output.copy());
      }
      Evaluation.Made winner = choose(layer, evaluations);
      String name = choices.get(layer).algorithm();
      if (Guard.needed(settings) && prefix.follow(name, quantized)) {
        sink.block(QuantPlan.uniform(name), layer, winner.block());
      }
      advance(layer, winner, evaluations, quantized);
      sink.block(MIX, layer, winner.block());
      guardForwards += full.advance(Part.GUARD, bench.fullForward(layer, block));
    } finally {
      Modules.close(block);
    }
  }

  private Similarity.Reference reference(Matrix target) {
    Rows rows =
        settings.sinkThreshold() > 0
            ? Rows.withoutSinks(target, settings.sinkThreshold())
            : Rows.all(target.rows());
    excludedRows += rows.total() - rows.kept();
    scoredRows += rows.total();
    return Similarities.byName(settings.metric(), bench.threads()).reference(target, rows);
  }

  private Evaluation evaluate(
      Quantizer quantizer,
      int layer,
      BlockParameters<Matrix> block,
      Streams quantized,
      Similarity.Reference reference) {
    double start = progress.seconds();
    Quantizer.Result result;
    try {
      result = bench.quantize(quantizer, layer, block, quantized.get(Part.FIT));
    } catch (QuantizationException e) {
      return failed(quantizer, start, "block %d: %s".formatted(layer, e.getMessage()));
    }
    HiddenStates output = bench.forward(layer, result.block()).run(quantized.get(Part.SCORE));
    Score score;
    try (Matrix matrix = output.toMatrix()) {
      score = reference.score(matrix);
    }
    if (score instanceof Score.Undefined undefined) {
      output.close();
      return failed(quantizer, start, "block %d: %s".formatted(layer, undefined.reason()));
    }
    Score.Value value = (Score.Value) score;
    QuantPlan.Candidate candidate =
        new QuantPlan.Candidate(
            value.value(),
            value.biased(),
            value.relativeMse(),
            progress.seconds() - start,
            Optional.empty(),
            result.detail());
    return new Evaluation(
        quantizer.name(), candidate, Optional.of(new Evaluation.Made(result.block(), output)));
  }

  private Evaluation failed(Quantizer quantizer, double start, String reason) {
    return new Evaluation(
        quantizer.name(),
        new QuantPlan.Candidate(
            Double.NaN,
            Double.NaN,
            Double.NaN,
            progress.seconds() - start,
            Optional.of(reason),
            Map.of()),
        Optional.empty());
  }

  private Evaluation.Made choose(int layer, List<Evaluation> evaluations) {
    Choice choice =
        Choice.among(evaluations.stream().map(Evaluation::candidate).toList())
            .orElseThrow(() -> new SearchException(allFailed(evaluations)));
    Map<String, QuantPlan.Candidate> candidates = new LinkedHashMap<>();
    evaluations.forEach(e -> candidates.put(e.name(), e.candidate()));
    Evaluation winner = evaluations.get(choice.index());
    choices.add(new QuantPlan.BlockChoice(layer, winner.name(), choice.reason(), candidates));
    return winner.made().orElseThrow();
  }

  private static String allFailed(List<Evaluation> evaluations) {
    StringBuilder message = new StringBuilder("no algorithm of the pool can quantize a block:");
    for (Evaluation evaluation : evaluations) {
      message
          .append(' ')
          .append(evaluation.name())
          .append(": ")
          .append(evaluation.candidate().failure().orElse(""))
          .append(';');
    }
    return message.append(" check the checkpoint, or name another pool in calm.pool").toString();
  }

  private void advance(
      int layer, Evaluation.Made winner, List<Evaluation> evaluations, Streams quantized) {
    Streams.Block forward = bench.forward(layer, winner.block());
    quantized.advance(Part.FIT, forward);
    quantized.advance(Part.SCORE, states -> winner.output().copy());
    guardForwards += quantized.advance(Part.GUARD, forward);
    evaluations.forEach(Evaluation::close);
  }

  private QuantPlan plan(CalibrationSet set, Verdict verdict, QuantPlan.Head head) {
    return new QuantPlan(
        choices,
        settings.pool().stream().map(Quantizer::name).toList(),
        verdict.served(),
        verdict.reason(),
        settings.groupLimit(),
        settings.metric(),
        progress.evaluations(),
        bench.collectionForwards(),
        guardForwards + verdict.guardForwards(),
        excludedRows,
        scoredRows,
        verdict.guard(),
        head,
        Calibrations.describe(set),
        progress.seconds());
  }
}
