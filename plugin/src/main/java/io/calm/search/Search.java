package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.Score;
import io.calm.cka.Similarity;
import io.calm.model.BlockParameters;
import io.calm.kernels.NativeKernels;
import io.calm.quant.Granularity;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.tensor.QuantizedLinear;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The greedy search of CALM (arXiv 2512.16282): one quantization algorithm for each transformer
 * block, chosen by measurement.
 *
 * <p><b>Design.</b> The search visits the blocks in order. Every algorithm of the pool quantizes
 * the block on the hidden states that the already quantized blocks produce (the fit part of the
 * calibration). Each candidate then runs once on the score part, and its output is compared with
 * that of the full-precision block ({@link io.calm.cka}). {@link Choice} takes the candidate with
 * the highest score. The hidden states advance through the winner, and the next block follows.
 * Errors of earlier blocks are therefore visible to later ones, which can compensate for them.
 *
 * <p><b>Guard.</b> A mix that wins block by block may still lose as a whole. {@link Guard}
 * quantizes the model with the best single algorithm, or the best two if they are close, and
 * compares the plans by KL divergence to the full-precision logits, on sequences that neither
 * fitting nor scoring has seen. The mix is served unless it is worse by more than the paired
 * standard error. {@link UniformPrefix} avoids the blocks that both have in common. {@link
 * HeadTrial} then chooses the format of the lm_head in a similar way.
 *
 * <p><b>Cost.</b> L blocks and a pool of P algorithms take L * P candidates: one quantization and
 * one block forward each. The guard adds one or two quantizations per block. Memory holds one
 * full-precision block, its P candidates, and the hidden states of the parts in use; finished
 * blocks go to the {@link BlockSink} at once.
 *
 * <p><b>Invariants.</b> The same weights, calibration and settings give the same choices on every
 * machine whose engine computes the same bits. No sequence is used for two of fitting, scoring and
 * judging. An algorithm that fails on a block is recorded in the plan and does not end the search,
 * unless all of them fail. A score is a number or a failure, never a silent default.
 *
 * <p><b>Sources.</b> Centered kernel alignment: Kornblith et al., arXiv 1905.00414; its debiased
 * estimator: Song et al., JMLR 13, 2012. An object of this class is one run, which a single thread
 * executes.
 */
public final class Search {
  /** Name of the variant that mixes algorithms. */
  static final String MIX = "calm";

  private final SearchContext context;
  private final SearchSettings settings;
  private final CalibrationSet set;
  private final BlockSink sink;
  private final ProgressMeter progress;
  private final List<QuantPlan.BlockChoice> choices = new ArrayList<>();
  private final List<Double> inherited = new ArrayList<>();
  private final Scorer scorer;
  private final PackedGarbage garbage = new PackedGarbage();
  private int guardForwards;

  private Search(
      SearchInputs inputs, CalibrationSet set, BlockSink sink, Consumer<Progress> listener) {
    this.context = new SearchContext(inputs);
    this.settings = inputs.settings();
    this.scorer = new Scorer(context);
    this.set = set;
    this.sink = sink;
    this.progress =
        new ProgressMeter(
            listener,
            System::nanoTime,
            context.spec().layers(),
            settings.pool().size(),
            settings.granularity().parts().size(),
            Guard.needed(settings));
  }

  /**
   * Searches the algorithm of every block and returns the plan.
   *
   * @param sink receives the blocks of the mix. With a guard, it also receives the blocks of the
   *     best uniform plan and the first blocks of a uniform plan that equals the mix so far.
   * @param listener receives every step, on the calling thread
   * @throws SearchException if every algorithm fails on a block
   */
  public static QuantPlan run(
      SearchInputs inputs, CalibrationSet set, BlockSink sink, Consumer<Progress> listener) {
    return new Search(inputs, set, sink, listener).mix();
  }

  /**
   * Quantizes every block with the only algorithm of the pool, without scores and guard.
   *
   * @param reason the reason for the plan, in one sentence
   * @throws SearchException if the algorithm fails on a block
   */
  public static QuantPlan runUniform(
      SearchInputs inputs,
      CalibrationSet set,
      BlockSink sink,
      String reason,
      Consumer<Progress> listener) {
    return new Search(inputs, set, sink, listener).uniform(reason);
  }

  private QuantPlan mix() {
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
    if (settings.pool().stream().anyMatch(Quantizer::comparesStreams)) {
      ofFull.add(Part.FIT);
    }
    try (Streams quantized = Streams.embed(context.model(), set, ofQuantized);
        Streams full = Streams.embed(context.model(), set, ofFull);
        UniformPrefix prefix = new UniformPrefix()) {
      for (int layer = 0; layer < context.spec().layers(); layer++) {
        searchBlock(layer, quantized, full, prefix);
      }
      Verdict verdict =
          new Guard(context, progress)
              .judge(choices, inherited, set, quantized, full, prefix, sink);
      try {
        QuantPlan.Head head = head(verdict.uniform().orElse(quantized), full);
        return plan(verdict, head);
      } finally {
        verdict.uniform().ifPresent(Streams::close);
      }
    }
  }

  private QuantPlan uniform(String reason) {
    Quantizer quantizer = settings.pool().get(0);
    String variant = QuantPlan.uniform(quantizer.name());
    boolean heldOut = settings.head() instanceof HeadRule.Rounded;
    Set<Part> ofFull = heldOut ? EnumSet.of(Part.GUARD) : EnumSet.noneOf(Part.class);
    if (quantizer.comparesStreams()) {
      ofFull.add(Part.FIT);
    }
    Set<Part> ofQuantized = heldOut ? EnumSet.of(Part.FIT, Part.GUARD) : EnumSet.of(Part.FIT);
    try (Streams stream = Streams.embed(context.model(), set, ofQuantized);
        Streams full = Streams.embed(context.model(), set, ofFull)) {
      int forwards =
          new UniformPass(context, progress::quantizing).run(quantizer, 0, stream, full, sink);
      for (int layer = 0; layer < context.spec().layers(); layer++) {
        choices.add(new QuantPlan.BlockChoice(layer, quantizer.name(), reason, Map.of()));
      }
      Verdict verdict =
          new Verdict(variant, reason, Optional.empty(), heldOut ? forwards : 0, Optional.empty());
      return plan(verdict, head(stream, full));
    }
  }

  private QuantPlan.Head head(Streams served, Streams full) {
    if (!(settings.head() instanceof HeadRule.Rounded rule)) {
      return settings.head().withoutSequences();
    }
    progress.head();
    HeadTrial.Outcome outcome = new HeadTrial(context, rule).run(served, full);
    outcome.table().ifPresent(sink::head);
    return outcome.head();
  }

  private void searchBlock(int layer, Streams quantized, Streams full, UniformPrefix prefix) {
    BlockParameters<Matrix> block = context.block(layer);
    try (FullFit fit = new FullFit(context, layer, block, full)) {
      Streams source = settings.fullPrecisionReference() ? full : quantized;
      Evaluation.Outcome winner =
          settings.granularity() == Granularity.BLOCK
              ? whole(layer, block, fit, quantized, source)
              : byParts(layer, block, fit, quantized, source);
      QuantPlan.BlockChoice choice = choices.get(layer);
      if (Guard.needed(settings) && prefix.follow(choice.uniform(), quantized)) {
        sink.block(QuantPlan.uniform(choice.algorithm()), layer, winner.block());
      }
      advance(layer, winner, quantized);
      sink.block(MIX, layer, winner.block());
      fit.advance();
      guardForwards += full.advance(Part.GUARD, context.fullForward(layer, block));
    } finally {
      DequantizedBlocks.close(block);
      garbage.collect();
    }
  }

  /** Chooses one algorithm for the block, and advances the full-precision score part. */
  private Evaluation.Outcome whole(
      int layer, BlockParameters<Matrix> block, FullFit fit, Streams quantized, Streams source) {
    List<Evaluation> evaluations = new ArrayList<>();
    try (HiddenStates output = context.fullForward(layer, block).run(source.get(Part.SCORE));
        Matrix target = output.toMatrix()) {
      Similarity.Reference reference = scorer.blockReference(target, source.get(Part.SCORE));
      for (int i = 0; i < settings.pool().size(); i++) {
        Quantizer quantizer = settings.pool().get(i);
        progress.trying(layer, i, quantizer.name());
        Evaluation evaluation = evaluate(quantizer, layer, fit, quantized, reference);
        evaluations.add(evaluation);
        progress.evaluated(evaluation.candidate().score());
      }
      inherited.add(inherited(layer, block, quantized, reference));
      if (evaluations.stream().allMatch(e -> e.outcome().isEmpty())) {
        explainConstant(layer, block, source, target);
      }
      advanceReference(source, quantized, output);
    }
    return choose(layer, evaluations);
  }

  private static void explainConstant(
      int layer, BlockParameters<Matrix> block, Streams source, Matrix target) {
    ConstantOutput.explain(layer, block, source.get(Part.SCORE), target)
        .ifPresent(
            why -> {
              throw new SearchException(why);
            });
  }

  /** Advances the full-precision score part, if it is the reference. */
  private static void advanceReference(Streams source, Streams quantized, HiddenStates output) {
    if (source != quantized) {
      source.advance(Part.SCORE, states -> output.copy());
    }
  }

  /** Chooses an algorithm for each part of the block, likewise. */
  private Evaluation.Outcome byParts(
      int layer, BlockParameters<Matrix> block, FullFit fit, Streams quantized, Streams source) {
    NativeKernels.trimHeap();
    try (PartTargets targets = new PartTargets(context, scorer, layer, block, source)) {
      boolean compares = settings.pool().stream().anyMatch(Quantizer::comparesStreams);
      Evaluation.Outcome outcome =
          fit.beside(compares, stages -> byParts(layer, block, targets, quantized, stages));
      advanceReference(source, quantized, targets.output());
      return outcome;
    }
  }

  private Evaluation.Outcome byParts(
      int layer,
      BlockParameters<Matrix> block,
      PartTargets targets,
      Streams quantized,
      Optional<StageInputs> full) {
    HiddenStates score = quantized.get(Part.SCORE);
    try (PartSearch search =
        new PartSearch(
            context, progress, layer, block, quantized.get(Part.FIT), score, full)) {
      for (Granularity.Part part : settings.granularity().parts()) {
        if (!search.choose(part, targets.of(part))) {
          explainConstant(layer, block, targets.source(), targets.matrix(part));
          QuantPlan.PartChoice failed = search.choices().get(search.choices().size() - 1);
          throw new SearchException(allFailed(failed.candidates()));
        }
      }
      context.countCollections(search.partialForwards());
      inherited.add(search.inherited());
      BlockParameters<QuantizedLinear> packed =
          search.chosen().pack(context.compute().parallel());
      HiddenStates output = context.forward(layer, packed).run(score);
      QuantPlan.BlockChoice choice = search.result(targets.score(output));
      choices.add(choice);
      progress.evaluated(choice.result().orElseThrow().score());
      return new Evaluation.Outcome(packed, output);
    }
  }

  /**
   * Returns the error that a block has before it is quantized, because its input comes from the
   * quantized prefix and the reference does not.
   */
  private double inherited(
      int layer, BlockParameters<Matrix> block, Streams quantized, Similarity.Reference reference) {
    if (!settings.fullPrecisionReference() || !Guard.needed(settings)) {
      return 0;
    }
    try (HiddenStates output = context.countedForward(layer, block, quantized.get(Part.SCORE))) {
      return Scorer.inherited(reference, output);
    }
  }

  private Evaluation evaluate(
      Quantizer quantizer,
      int layer,
      FullFit fit,
      Streams quantized,
      Similarity.Reference reference) {
    double start = progress.seconds();
    String where = "block %d".formatted(layer);
    Quantizer.Result result;
    try {
      result = fit.quantize(quantizer, quantized.get(Part.FIT));
    } catch (QuantizationException e) {
      String reason = "%s: %s".formatted(where, e.getMessage());
      return new Evaluation(
          quantizer.name(),
          Scorer.failed(reason, progress.seconds() - start),
          Optional.empty());
    }
    HiddenStates output = context.forward(layer, result.block()).run(quantized.get(Part.SCORE));
    Score score;
    try (Matrix matrix = output.toMatrix()) {
      score = reference.score(matrix);
    }
    QuantPlan.Candidate candidate =
        Scorer.candidate(score, where, progress.seconds() - start, result.detail());
    if (candidate.failure().isPresent()) {
      output.close();
      return new Evaluation(quantizer.name(), candidate, Optional.empty());
    }
    return new Evaluation(
        quantizer.name(), candidate, Optional.of(new Evaluation.Outcome(result.block(), output)));
  }

  private Evaluation.Outcome choose(int layer, List<Evaluation> evaluations) {
    Map<String, QuantPlan.Candidate> candidates = new LinkedHashMap<>();
    evaluations.forEach(e -> candidates.put(e.name(), e.candidate()));
    Choice choice =
        Choice.among(evaluations.stream().map(Evaluation::candidate).toList())
            .orElseThrow(() -> new SearchException(allFailed(candidates)));
    Evaluation winner = evaluations.get(choice.index());
    choices.add(new QuantPlan.BlockChoice(layer, winner.name(), choice.reason(), candidates));
    evaluations.stream().filter(evaluation -> evaluation != winner).forEach(Evaluation::close);
    return winner.outcome().orElseThrow();
  }

  private static String allFailed(Map<String, QuantPlan.Candidate> candidates) {
    StringBuilder message = new StringBuilder("no algorithm of the pool can quantize a block:");
    candidates.forEach(
        (name, candidate) ->
            message
                .append(' ')
                .append(name)
                .append(": ")
                .append(candidate.failure().orElse(""))
                .append(';'));
    return message.append(" check the checkpoint, or name another pool in calm.pool").toString();
  }

  /** Advances the quantized stream through the chosen block, the output of which it takes over. */
  private void advance(int layer, Evaluation.Outcome winner, Streams quantized) {
    Streams.Block forward = context.forward(layer, winner.block());
    quantized.advance(Part.SCORE, states -> winner.output());
    quantized.advance(Part.FIT, forward);
    guardForwards += quantized.advance(Part.GUARD, forward);
  }

  private QuantPlan plan(Verdict verdict, QuantPlan.Head head) {
    return new QuantPlan(
        choices,
        settings.pool().stream().map(Quantizer::name).toList(),
        verdict.served(),
        verdict.reason(),
        settings.groupLimit(),
        settings.metric(),
        progress.evaluations(),
        context.collectionForwards(),
        guardForwards + verdict.guardForwards(),
        scorer.excludedRows(),
        scorer.scoredRows(),
        verdict.guard(),
        head,
        Calibrations.describe(set),
        progress.seconds());
  }
}
