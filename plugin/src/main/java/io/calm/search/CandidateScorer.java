package io.calm.search;

import io.calm.cka.ComparedRows;
import io.calm.cka.MetricReference;
import io.calm.cka.Score;
import io.calm.replay.HiddenStates;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import java.util.Map;
import java.util.Optional;

/** Compares the outputs of candidates with the full-precision output by the search's metric. */
final class CandidateScorer {
  private final SearchContext context;
  private int sinkRows;
  private int scoredRows;

  CandidateScorer(SearchContext context) {
    this.context = context;
  }

  /** Returns the number of rows that are attention sinks. */
  int sinkRows() {
    return sinkRows;
  }

  /** Returns the number of all rows. */
  int scoredRows() {
    return scoredRows;
  }

  /**
   * A full-precision output that is ready to be compared.
   *
   * @param input a copy of the input of the block, if the metric reads it
   */
  record Target(MetricReference reference, Optional<Matrix> input) implements AutoCloseable {
    @Override
    public void close() {
      input.ifPresent(Matrix::close);
    }
  }

  /** Prepares the output of a block, and counts its rows. */
  Target blockTarget(Matrix output, HiddenStates input, Optional<ComparedRows> only) {
    Target target = target(output, input, only);
    count(target.reference());
    return target;
  }

  /** Counts the rows of a block's output. */
  void count(MetricReference reference) {
    sinkRows += reference.rows().sinks();
    scoredRows += reference.rows().count();
  }

  /** Returns whether the input of a part matters to the metric, and not its output alone. */
  boolean readsInput() {
    return context.settings().metric().readsInput();
  }

  /**
   * Prepares a full-precision output.
   *
   * @param output read as long as the result is used
   * @param input the residual stream that the output was computed from
   * @param only rows of {@link #rowsOfQuantizedSinks}
   */
  Target target(Matrix output, HiddenStates input, Optional<ComparedRows> only) {
    ComparedRows own = rows(output);
    ComparedRows rows = only.map(own::and).orElse(own);
    Optional<Matrix> copy = readsInput() ? Optional.of(input.toMatrix()) : Optional.empty();
    try (Owned opening = new Owned()) {
      copy.ifPresent(matrix -> opening.add(matrix, matrix::close));
      MetricReference reference =
          context
              .settings()
              .metric()
              .reference(
                  output,
                  copy.orElse(output),
                  rows,
                  context.threads(),
                  context.compute().kernels());
      opening.handOver();
      return new Target(reference, copy);
    }
  }

  /**
   * Returns the rows of a block with those scaled down that are sinks in the quantized stream in
   * front of it and not in full precision; empty if the full-precision block reads the quantized
   * stream itself. Such a token is the largest error of every candidate, and would decide between
   * them alone.
   *
   * @param source the stream that the full-precision block reads
   */
  Optional<ComparedRows> rowsOfQuantizedSinks(Streams source, Streams quantized) {
    if (source == quantized) {
      return Optional.empty();
    }
    try (Matrix full = source.get(Streams.Part.SCORE).toMatrix();
        Matrix stream = quantized.get(Streams.Part.SCORE).toMatrix()) {
      return Optional.of(rows(stream).except(rows(full)));
    }
  }

  private ComparedRows rows(Matrix stream) {
    double threshold = context.settings().sinkThreshold();
    return threshold > 0
        ? ComparedRows.scalingSinks(stream, threshold)
        : ComparedRows.all(stream.rows());
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
  static double inherited(MetricReference reference, HiddenStates output) {
    try (Matrix matrix = output.toMatrix()) {
      return reference.score(matrix) instanceof Score.Value value ? value.normalizedMse() : 0;
    }
  }
}
