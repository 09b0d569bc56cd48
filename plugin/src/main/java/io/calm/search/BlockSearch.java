package io.calm.search;

import io.calm.cka.Score;
import io.calm.cka.Similarity;
import io.calm.kernels.NativeKernels;
import io.calm.model.BlockParameters;
import io.calm.quant.Granularity;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedLinear;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The choice of a block: one algorithm for all of it, or one for each of its parts. */
final class BlockSearch {
  private final SearchContext context;
  private final SearchSettings settings;
  private final Scorer scorer;
  private final ProgressMeter progress;

  BlockSearch(SearchContext context, Scorer scorer, ProgressMeter progress) {
    this.context = context;
    this.settings = context.settings();
    this.scorer = scorer;
    this.progress = progress;
  }

  /**
   * Tries the pool on a block, and advances the full-precision score part if it is the reference.
   *
   * @param quantized the stream behind the chosen blocks; not advanced
   * @param source the stream whose score part the full-precision block reads
   * @throws SearchException if every algorithm fails on the block or a part of it
   */
  ChosenBlock choose(
      int layer, BlockParameters<Matrix> block, FullFit fit, Streams quantized, Streams source) {
    return settings.granularity() == Granularity.BLOCK
        ? whole(layer, block, fit, quantized, source)
        : byParts(layer, block, fit, quantized, source);
  }

  private ChosenBlock whole(
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
      double inherited = inherited(layer, block, quantized, reference);
      if (evaluations.stream().allMatch(e -> e.outcome().isEmpty())) {
        explainConstant(layer, block, source, target);
      }
      advanceReference(source, quantized, output);
      return chosen(layer, evaluations, inherited);
    }
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

  private ChosenBlock byParts(
      int layer, BlockParameters<Matrix> block, FullFit fit, Streams quantized, Streams source) {
    NativeKernels.trimHeap();
    try (PartTargets targets = new PartTargets(context, scorer, layer, block, source)) {
      boolean compares = settings.pool().stream().anyMatch(Quantizer::comparesStreams);
      ChosenBlock chosen =
          fit.beside(compares, stages -> byParts(layer, block, targets, quantized, stages));
      advanceReference(source, quantized, targets.output());
      return chosen;
    }
  }

  private ChosenBlock byParts(
      int layer,
      BlockParameters<Matrix> block,
      PartTargets targets,
      Streams quantized,
      Optional<StageInputs> full) {
    HiddenStates score = quantized.get(Part.SCORE);
    try (PartSearch search =
        new PartSearch(context, progress, layer, block, quantized.get(Part.FIT), score, full)) {
      for (Granularity.Part part : settings.granularity().parts()) {
        if (!search.choose(part, targets.of(part))) {
          explainConstant(layer, block, targets.source(), targets.matrix(part));
          QuantPlan.PartChoice failed = search.choices().get(search.choices().size() - 1);
          throw new SearchException(allFailed(failed.candidates()));
        }
      }
      context.countCollections(search.partialForwards());
      BlockParameters<QuantizedLinear> packed = search.chosen().pack(context.compute().parallel());
      HiddenStates output = context.forward(layer, packed).run(score);
      try {
        QuantPlan.BlockChoice choice = search.result(targets.score(output));
        QuantPlan.Candidate whole = choice.result().orElseThrow();
        if (whole.failure().isPresent()) {
          throw new SearchException(
              "%s with %s; set calm.search.granularity=block, or name another pool in calm.pool"
                  .formatted(whole.failure().get(), choice.algorithm()));
        }
        progress.evaluated(whole.score());
        return new ChosenBlock(choice, packed, output, search.inherited());
      } catch (RuntimeException e) {
        output.close();
        throw e;
      }
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
          quantizer.name(), Scorer.failed(reason, progress.seconds() - start), Optional.empty());
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

  /** Returns the best candidate, and frees the others. */
  private static ChosenBlock chosen(int layer, List<Evaluation> evaluations, double inherited) {
    Map<String, QuantPlan.Candidate> candidates = new LinkedHashMap<>();
    evaluations.forEach(e -> candidates.put(e.name(), e.candidate()));
    Choice choice =
        Choice.among(evaluations.stream().map(Evaluation::candidate).toList())
            .orElseThrow(() -> new SearchException(allFailed(candidates)));
    Evaluation winner = evaluations.get(choice.index());
    for (int i = 0; i < evaluations.size(); i++) {
      if (i != choice.index()) {
        evaluations.get(i).close();
      }
    }
    Evaluation.Outcome outcome = winner.outcome().orElseThrow();
    return new ChosenBlock(
        new QuantPlan.BlockChoice(layer, winner.name(), choice.reason(), candidates),
        outcome.block(),
        outcome.output(),
        inherited);
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
}
