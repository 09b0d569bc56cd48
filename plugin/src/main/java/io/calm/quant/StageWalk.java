package io.calm.quant;

import io.calm.model.LinearRole;
import io.calm.model.Stage;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.util.Map;

/**
 * A block run stage by stage on calibration tokens, each stage fed by the candidate's own earlier
 * W4A8 linears: what the served module will see. Not thread safe.
 */
public interface StageWalk extends AutoCloseable {

  /** Returns the stage whose input is looked at. */
  Stage stage();

  /** Returns mean |x| of each input, [K], before rounding to int8. */
  float[] meanAbsolute();

  /** Returns max |x| of each input, [K], before rounding to int8. */
  float[] maxAbsolute();

  /** Returns mean x^2 of each input, [K], before rounding to int8. */
  float[] meanSquare();

  /** Returns rows of the input, evenly spaced, [S, K], before rounding. The caller closes it. */
  Matrix sample();

  /** Returns X'X of the input rounded to int8, [K, K]. The caller closes it. */
  Matrix gram();

  /** Divides the input by {@code scales} [K]: a fold into what comes before. */
  void divide(float[] scales);

  /**
   * Runs the stage's linears and goes on to the next stage.
   *
   * @param linears every linear of the stage
   * @param biases [N] of those that have one
   */
  void advance(Map<LinearRole, QuantizedMatrix> linears, Map<LinearRole, float[]> biases);

  @Override
  void close();
}
