package io.calm.search;

import io.calm.model.Stage;
import io.calm.quant.StageWalk;
import io.calm.replay.BlockPass;
import io.calm.tensor.Matrix;

/** A walk whose statistics are those of a pass over hidden states. */
abstract class MeasuredWalk implements StageWalk {
  /** Number of rows on which scales are compared. */
  private static final int SAMPLE_ROWS = 512;

  /** Returns the pass at the walk's stage. */
  abstract BlockPass pass();

  @Override
  public final Stage stage() {
    return pass().stage().orElseThrow();
  }

  @Override
  public final float[] meanAbsolute() {
    return pass().sums().statistics().meanAbsolute();
  }

  @Override
  public final float[] maxAbsolute() {
    return pass().sums().statistics().maxAbsolute();
  }

  @Override
  public final float[] meanSquare() {
    return pass().sums().statistics().meanSquare();
  }

  @Override
  public final Matrix sample() {
    return pass().sums().sample(SAMPLE_ROWS, false);
  }

  @Override
  public final Matrix heldOutSample() {
    return pass().sums().sample(SAMPLE_ROWS, true);
  }

  @Override
  public Matrix gram() {
    return pass().sums().gram();
  }

  @Override
  public final int sequences() {
    return pass().sequences();
  }

  @Override
  public final double squaredCorrelations(Matrix gram) {
    return pass().sums().squaredCorrelations(gram);
  }

  @Override
  public final int rows() {
    return pass().rows();
  }

  /** Whether a division by the scales changes nothing. */
  static boolean areOnes(float[] scales) {
    for (float scale : scales) {
      if (scale != 1) {
        return false;
      }
    }
    return true;
  }
}
