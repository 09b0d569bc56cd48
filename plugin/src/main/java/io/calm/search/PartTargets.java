package io.calm.search;

import io.calm.cka.Score;
import io.calm.cka.Similarity;
import io.calm.model.BlockParameters;
import io.calm.model.Stage;
import io.calm.quant.Granularity;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;

/**
 * The residual streams that the parts of a block are compared with: those of the full-precision
 * model behind attention and behind the block. Each half has the stream in front of it as its
 * input.
 */
final class PartTargets implements AutoCloseable {
  private final Streams source;
  private final HiddenStates output;
  private final Matrix attention;
  private final Matrix block;
  private final Similarity.Reference attentionReference;
  private final Similarity.Reference mlpReference;
  private final Similarity.Reference blockReference;

  /**
   * Runs the block in full precision.
   *
   * @param source the stream whose score part the block reads
   */
  PartTargets(
      SearchContext context,
      Scorer scorer,
      int layer,
      BlockParameters<Matrix> parameters,
      Streams source) {
    this.source = source;
    HiddenStates input = source.get(Part.SCORE);
    try (StageInputs forward = StageInputs.of(input, context.spec(), layer, parameters)) {
      forward.advanceTo(Stage.MLP_IN);
      try (HiddenStates middle = forward.residualStream()) {
        this.attention = middle.toMatrix();
        this.output = forward.takeOutput();
        this.block = output.toMatrix();
        this.attentionReference = scorer.reference(attention, input);
        this.mlpReference = scorer.reference(block, middle);
      }
    }
    this.blockReference = scorer.blockReference(block, input);
  }

  Streams source() {
    return source;
  }

  /** Returns the output of the block, for copying. */
  HiddenStates output() {
    return output;
  }

  /** Returns the stream behind the half that a part belongs to. */
  Similarity.Reference of(Granularity.Part part) {
    return inAttention(part) ? attentionReference : mlpReference;
  }

  /** Returns the values of {@link #of}. */
  Matrix matrix(Granularity.Part part) {
    return inAttention(part) ? attention : block;
  }

  private static boolean inAttention(Granularity.Part part) {
    return part.stages().get(0).compareTo(Stage.MLP_IN) < 0;
  }

  /** Scores the output of a finished block. */
  Score score(HiddenStates states) {
    try (Matrix matrix = states.toMatrix()) {
      return blockReference.score(matrix);
    }
  }

  @Override
  public void close() {
    output.close();
    attention.close();
    block.close();
  }
}
