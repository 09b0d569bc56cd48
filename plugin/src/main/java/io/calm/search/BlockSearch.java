package io.calm.search;

import io.calm.cka.MetricReference;
import io.calm.cka.Score;
import io.calm.model.BlockParameters;
import io.calm.quant.Granularity;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.QuantizedLinear;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** The choice of a block: one algorithm for all of it, or one for each of its parts. */
final class BlockSearch {
  private final SearchContext context;
  private final SearchSettings settings;
  private final CandidateScorer scorer;
  private final ProgressMeter progress;

  /** Of each algorithm, summed over the blocks so far. */
  private List<Double> errors;

  BlockSearch(SearchContext context, CandidateScorer scorer, ProgressMeter progress) {
    this.context = context;
    this.settings = context.settings();
    this.scorer = scorer;
    this.progress = progress;
    this.errors = Collections.nCopies(settings.pool().size(), 0.0);
  }

  /** A W4A8 block and its output on the score part. */
  private record Outcome(BlockParameters<QuantizedLinear> block, HiddenStates output)
      implements AutoCloseable {
    @Override
    public void close() {
      output.close();
    }
  }

  /**
   * Tries the pool on a block, and advances the full-precision score part if it is the reference.
   *
   * @param quantized the stream after the chosen blocks; not advanced
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
    try (HiddenStates output = context.fullForward(layer, block).run(source.get(Part.SCORE));
        Matrix target = output.toMatrix();
        CandidateScorer.Target prepared =
            scorer.blockTarget(
                target, source.get(Part.SCORE), scorer.rowsOfQuantizedSinks(source, quantized));
        Contenders<Outcome> contenders =
            new Contenders<>(
                Choice.Ties.leading(settings.metric().best(), errors), Outcome::close)) {
      MetricReference reference = prepared.reference();
      Map<String, QuantPlan.Candidate> candidates = new LinkedHashMap<>();
      for (Quantizer quantizer : settings.pool()) {
        progress.trying(layer, candidates.size(), quantizer.name());
        QuantPlan.Candidate candidate =
            evaluate(quantizer, layer, fit, quantized, reference, contenders);
        candidates.put(quantizer.name(), candidate);
        progress.evaluated(quantizer.name(), candidate.score());
      }
      double inherited = inherited(layer, block, quantized, reference);
      Optional<Choice> choice = contenders.choice();
      if (choice.isEmpty()) {
        explainConstant(layer, block, source, target);
        throw new SearchException(allFailed(candidates));
      }
      errors = added(errors, List.copyOf(candidates.values()));
      advanceReference(source, quantized, output);
      return chosen(layer, choice.get(), candidates, contenders, inherited);
    }
  }

  /** Adds the errors of candidates; a failure counts as 1, the error of an output of zeros. */
  private static List<Double> added(List<Double> errors, List<QuantPlan.Candidate> candidates) {
    return IntStream.range(0, errors.size())
        .mapToObj(
            i -> {
              QuantPlan.Candidate candidate = candidates.get(i);
              return errors.get(i)
                  + (candidate.failure().isPresent() ? 1 : candidate.normalizedMse());
            })
        .toList();
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
    context.trimHeap(layer);
    try (PartTargets targets = new PartTargets(context, scorer, layer, block, source, quantized)) {
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
        progress.evaluated(choice.algorithm(), whole.score());
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
      int layer, BlockParameters<Matrix> block, Streams quantized, MetricReference reference) {
    if (!settings.fullPrecisionReference() || !Guard.needed(settings)) {
      return 0;
    }
    try (HiddenStates output = context.countedForward(layer, block, quantized.get(Part.SCORE))) {
      return CandidateScorer.inherited(reference, output);
    }
  }

  /** Adds the result of an algorithm to the contenders, and returns its scores. */
  private QuantPlan.Candidate evaluate(
      Quantizer quantizer,
      int layer,
      FullFit fit,
      Streams quantized,
      MetricReference reference,
      Contenders<Outcome> contenders) {
    double start = progress.seconds();
    String where = "block %d".formatted(layer);
    Quantizer.Result result;
    try {
      result = fit.quantize(quantizer, quantized.get(Part.FIT));
    } catch (QuantizationException e) {
      String reason = "%s: %s".formatted(where, e.getMessage());
      QuantPlan.Candidate failed = CandidateScorer.failed(reason, progress.seconds() - start);
      contenders.add(failed, Optional.empty());
      return failed;
    }
    try (Owned opening = new Owned()) {
      HiddenStates output = context.forward(layer, result.block()).run(quantized.get(Part.SCORE));
      opening.add(output, output::close);
      Score score = score(reference, output);
      QuantPlan.Candidate candidate =
          CandidateScorer.candidate(score, where, progress.seconds() - start, result.detail());
      opening.handOver();
      contenders.add(candidate, Optional.of(new Outcome(result.block(), output)));
      return candidate;
    }
  }

  private static Score score(MetricReference reference, HiddenStates output) {
    try (Matrix matrix = output.toMatrix()) {
      return reference.score(matrix);
    }
  }

  private ChosenBlock chosen(
      int layer,
      Choice choice,
      Map<String, QuantPlan.Candidate> candidates,
      Contenders<Outcome> contenders,
      double inherited) {
    String winner = settings.pool().get(choice.index()).name();
    Outcome outcome = contenders.take(choice);
    return new ChosenBlock(
        new QuantPlan.BlockChoice(layer, winner, choice.reason(), candidates),
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
