package io.calm.search;

import io.calm.quant.StageWalk;
import io.calm.replay.BlockPass;
import io.calm.replay.ColumnStatistics;
import io.calm.replay.StageInputs;
import io.calm.tensor.Matrix;

/** A walk whose statistics are those of a pass over hidden states. */
abstract class MeasuredWalk implements StageWalk {

  /** Returns the column statistics of the current input, before rounding to int8. */
  abstract ColumnStatistics statistics();

  /**
   * Returns the deviation of a pass from the full-precision block at the pass's stage, [N, K].
   *
   * @param full advanced to that stage
   * @param divisors what the pass's input was divided by, [K]
   * @param weight of linears of the stage, [N, K]
   */
  static Matrix deviation(BlockPass pass, StageInputs full, float[] divisors, Matrix weight) {
    full.advanceTo(pass.stage().orElseThrow());
    return pass.sums().deviation(full, divisors, weight);
  }

  @Override
  public final float[] meanAbsolute() {
    return statistics().meanAbsolute();
  }

  @Override
  public final float[] maxAbsolute() {
    return statistics().maxAbsolute();
  }

  @Override
  public final float[] meanSquare() {
    return statistics().meanSquare();
  }
}
