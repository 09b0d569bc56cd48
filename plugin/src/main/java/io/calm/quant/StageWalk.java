package io.calm.quant;

import io.calm.model.LinearRole;
import io.calm.model.Stage;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.util.Map;

/**
 * A block run stage by stage on calibration tokens, each stage fed by the candidate's own earlier
 * W4A8 linears, as the served module will be. Not thread safe.
 */
public interface StageWalk extends InputStatistics, AutoCloseable {

  /** Returns the current stage. */
  Stage stage();

  /** Returns mean |x| of each input, [K], before rounding to int8. */
  float[] meanAbsolute();

  /** Returns max |x| of each input, [K], before rounding to int8. */
  float[] maxAbsolute();

  /** Returns rows of the input, spread evenly, [S, K], before rounding. The caller closes it. */
  Matrix sample();

  /** Returns as many other rows of the input, spread likewise, that {@link #sample} lacks. */
  Matrix heldOutSample();

  /**
   * Divides the input by {@code scales} [K]: a fold into what comes before. Scales that are all 1
   * change nothing; others may be given once per stage.
   *
   * @throws IllegalStateException if the input is divided already
   */
  void divide(float[] scales);

  /**
   * Runs the stage's linears and advances to the next stage.
   *
   * @param linears every linear of the stage
   * @param biases [N] of those that have one
   */
  void advance(Map<LinearRole, QuantizedMatrix> linears, Map<LinearRole, float[]> biases);

  @Override
  void close();
}
