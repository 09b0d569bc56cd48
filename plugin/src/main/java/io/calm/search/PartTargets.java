package io.calm.search;

import io.calm.cka.ComparedRows;
import io.calm.cka.MetricReference;
import io.calm.cka.Score;
import io.calm.model.BlockParameters;
import io.calm.model.Stage;
import io.calm.quant.Granularity;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import java.util.Optional;

/**
 * The residual streams that the parts of a block are compared with: those of the full-precision
 * model after attention and after the block. Each half has the stream in front of it as its input.
 */
final class PartTargets implements AutoCloseable {
  private final Streams source;
  private final HiddenStates output;
  private final Matrix attention;
  private final Matrix block;
  private final MetricReference attentionReference;
  private final MetricReference mlpReference;
  private final MetricReference blockReference;
  private final Owned owned;

  /**
   * Runs the block in full precision.
   *
   * @param source the stream whose score part the block reads
   * @param quantized the stream after the chosen blocks
   */
  PartTargets(
      SearchContext context,
      CandidateScorer scorer,
      int layer,
      BlockParameters<Matrix> parameters,
      Streams source,
      Streams quantized) {
    this.source = source;
    HiddenStates input = source.get(Part.SCORE);
    Optional<ComparedRows> only = scorer.rowsOfQuantizedSinks(source, quantized);
    try (Owned opening = new Owned();
        StageInputs forward = StageInputs.of(input, context.spec(), layer, parameters)) {
      forward.advanceTo(Stage.MLP_IN);
      try (HiddenStates middle = forward.residualStream()) {
        this.attention = own(opening, middle.toMatrix());
        this.output = forward.takeOutput();
        opening.add(output, output::close);
        this.block = own(opening, output.toMatrix());
        this.attentionReference = own(opening, scorer.target(attention, input, only));
        this.mlpReference = own(opening, scorer.target(block, middle, only));
      }
      // The two differ in the input that they are measured from.
      this.blockReference =
          scorer.readsInput() ? own(opening, scorer.target(block, input, only)) : mlpReference;
      scorer.count(blockReference);
      this.owned = opening.handOver();
    }
  }

  private static Matrix own(Owned owner, Matrix matrix) {
    return owner.add(matrix, matrix::close);
  }

  private static MetricReference own(Owned owner, CandidateScorer.Target target) {
    return owner.add(target, target::close).reference();
  }

  Streams source() {
    return source;
  }

  /** Returns the output of the block, for copying. */
  HiddenStates output() {
    return output;
  }

  /** Returns the stream after the half that a part belongs to. */
  MetricReference of(Granularity.Part part) {
    return inAttention(part) ? attentionReference : mlpReference;
  }

  /** Returns the values of {@link #of}. */
  Matrix matrix(Granularity.Part part) {
    return inAttention(part) ? attention : block;
  }

  private static boolean inAttention(Granularity.Part part) {
    return part.stages().get(0).compareTo(Stage.MLP_IN) < 0;
  }

  /** Returns the output of the block as a finished block is compared with it. */
  MetricReference ofBlock() {
    return blockReference;
  }

  /** Scores the output of a finished block. */
  Score score(HiddenStates states) {
    try (Matrix matrix = states.toMatrix()) {
      return blockReference.score(matrix);
    }
  }

  @Override
  public void close() {
    owned.close();
  }
}
