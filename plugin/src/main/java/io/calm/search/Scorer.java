package io.calm.search;

import io.calm.cka.ComparedRows;
import io.calm.cka.Score;
import io.calm.cka.Similarity;
import io.calm.replay.HiddenStates;
import io.calm.tensor.Matrix;
import java.util.Map;
import java.util.Optional;

/** Compares the outputs of candidates with the full-precision output by the search's metric. */
final class Scorer {
  private final SearchContext context;
  private int excludedRows;
  private int scoredRows;

  Scorer(SearchContext context) {
    this.context = context;
  }

  /** Returns the number of rows that were excluded as attention sinks. */
  int excludedRows() {
    return excludedRows;
  }

  /** Returns the number of rows before the exclusion. */
  int scoredRows() {
    return scoredRows;
  }

  /** Prepares the output of a block, and counts its rows. */
  Similarity.Reference blockReference(Matrix target, HiddenStates input) {
    Similarity.Reference reference = reference(target, input);
    excludedRows += reference.rows().total() - reference.rows().kept();
    scoredRows += reference.rows().total();
    return reference;
  }

  /**
   * Prepares a full-precision output.
   *
   * @param target read as long as the reference is used
   * @param input the residual stream that the output was computed from
   */
  Similarity.Reference reference(Matrix target, HiddenStates input) {
    SearchSettings settings = context.settings();
    ComparedRows rows =
        settings.sinkThreshold() > 0
            ? ComparedRows.withoutSinks(target, settings.sinkThreshold())
            : ComparedRows.all(target.rows());
    Similarity similarity =
        settings.metric().similarity(context.threads(), context.compute().kernels());
    return similarity.readsInput()
        ? similarity.reference(target, input.toMatrix(), rows)
        : similarity.reference(target, rows);
  }

  /**
   * Returns a candidate's result.
   *
   * @param where the place that a failure names, e.g. {@code block 3}
   * @param seconds time to quantize and score
   */
  static QuantPlan.Candidate candidate(
      Score score, String where, double seconds, Map<String, String> detail) {
    if (score instanceof Score.Undefined undefined) {
      return failed("%s: %s".formatted(where, undefined.reason()), seconds);
    }
    Score.Value value = (Score.Value) score;
    return new QuantPlan.Candidate(
        value.value(),
        value.biased(),
        value.relativeMse(),
        value.normalizedMse(),
        seconds,
        Optional.empty(),
        detail);
  }

  static QuantPlan.Candidate failed(String reason, double seconds) {
    return new QuantPlan.Candidate(
        Double.NaN, Double.NaN, Double.NaN, Double.NaN, seconds, Optional.of(reason), Map.of());
  }

  /** Returns the error of an output that is not quantized itself; 0 if it is undefined. */
  static double inherited(Similarity.Reference reference, HiddenStates output) {
    try (Matrix matrix = output.toMatrix()) {
      return reference.score(matrix) instanceof Score.Value value ? value.normalizedMse() : 0;
    }
  }
}
