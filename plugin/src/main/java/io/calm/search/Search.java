package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.model.BlockParameters;
import io.calm.quant.Quantizer;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;
import java.util.ArrayList;
import java.util.EnumSet;
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
 * that of the full-precision block ({@link io.calm.cka}). That block reads the hidden states of the
 * full-precision model or those of the quantized blocks ({@code calm.search.reference}). {@link
 * Choice} takes the candidate with the highest score. The hidden states advance through the winner,
 * and the next block follows. Errors of earlier blocks are therefore visible to later ones, which
 * can compensate for them.
 *
 * <p><b>Parts.</b> With a {@link io.calm.quant.Granularity} other than {@code BLOCK}, {@link
 * PartSearch} chooses in the same way within each block.
 *
 * <p><b>Guard.</b> A mix that wins block by block may still lose as a whole. {@link Guard}
 * quantizes the model with the best single algorithm, or the best two if they are close, and
 * compares the plans by KL divergence to the full-precision logits, on sequences that neither
 * fitting nor scoring has seen. The better plan is served. {@link UniformPrefix} avoids the blocks
 * that both have in common. {@link HeadTrial} then chooses the format of the lm_head in a similar
 * way.
 *
 * <p><b>Cost.</b> L blocks and a pool of P algorithms take L * P candidates: one quantization and
 * one block forward each; with parts, L * (P * parts + 1), most of which run a part only. The guard
 * adds one or two quantizations per block. Memory holds one full-precision block, the candidates
 * that can still win ({@link Contenders}), and the hidden states of the calibration parts in use;
 * finished blocks go to the {@link BlockSink} at once.
 *
 * <p><b>Invariants.</b> The same weights, calibration and settings give the same choices with every
 * number of threads and variant of the native kernels; without these, wherever the engine computes
 * the same bits. No sequence is used for two of fitting, scoring and judging. An algorithm that
 * fails on a block is recorded in the plan and does not end the search, unless all of them fail. A
 * score is a number or a failure, never a silent default.
 *
 * <p><b>Sources.</b> Centered kernel alignment: Kornblith et al., arXiv 1905.00414; its debiased
 * estimator: Song et al., JMLR 13, 2012. An object of this class is one run, which a single thread
 * executes.
 */
public final class Search {
  /** Name of the variant that mixes algorithms. */
  static final String MIX = "calm";

  /** Maximum number of uniform plans that the guard makes and compares with the mix. */
  public static final int MAX_UNIFORM_PLANS = 2;

  private final SearchContext context;
  private final SearchSettings settings;
  private final CalibrationSet set;
  private final BlockSink sink;
  private final ProgressMeter progress;
  private final List<QuantPlan.BlockChoice> choices = new ArrayList<>();
  private final List<Double> inherited = new ArrayList<>();
  private final CandidateScorer scorer;
  private final BlockSearch blocks;
  private final PackedGarbage garbage = new PackedGarbage();
  private int guardForwards;

  private Search(
      SearchInputs inputs, CalibrationSet set, BlockSink sink, Consumer<Progress> listener) {
    this.context = new SearchContext(inputs);
    this.settings = inputs.settings();
    this.scorer = new CandidateScorer(context);
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
    this.blocks = new BlockSearch(context, scorer, progress);
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
      dropFinished(quantized, full);
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

  /** Closes what neither the guard nor the trial of the lm_head reads. */
  private void dropFinished(Streams quantized, Streams full) {
    quantized.drop(Part.SCORE);
    full.drop(Part.SCORE);
    full.drop(Part.FIT);
    if (!(settings.head() instanceof HeadRule.Rounded)) {
      quantized.drop(Part.FIT);
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
      ChosenBlock chosen = blocks.choose(layer, block, fit, quantized, source);
      QuantPlan.BlockChoice choice = chosen.choice();
      choices.add(choice);
      inherited.add(chosen.inherited());
      if (Guard.needed(settings) && prefix.follow(choice.uniform(), quantized, full)) {
        sink.block(QuantPlan.uniform(choice.algorithm()), layer, chosen.block());
      }
      Streams.Block forward = context.forward(layer, chosen.block());
      quantized.advance(Part.SCORE, states -> chosen.output());
      quantized.advance(Part.FIT, forward);
      guardForwards += quantized.advance(Part.GUARD, forward);
      sink.block(MIX, layer, chosen.block());
      fit.advance();
      guardForwards += full.advance(Part.GUARD, context.fullForward(layer, block));
    } finally {
      BlockParameters.close(block);
      garbage.collect();
    }
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
        scorer.sinkRows(),
        scorer.scoredRows(),
        verdict.guard(),
        head,
        Calibrations.describe(set),
        progress.seconds(),
        Optional.empty());
  }
}
