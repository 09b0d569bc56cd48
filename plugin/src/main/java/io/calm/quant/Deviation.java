package io.calm.quant;

import io.calm.tensor.Matrix;
import java.util.Optional;

/**
 * The deviation of the quantized model from the full-precision model at the input of a stage, as
 * sums over the calibration tokens. With x the input of a token in full precision, x^ the input
 * that the W4A8 linears read (rounded to int8), and r, r^ the residual streams that the stage's
 * output is added to:
 *
 * @param inputs sum of {@code (x - x^) x^'}, [K, K]
 * @param residual sum of {@code (r - r^) x^'}, [D, K]; empty if the stage's output is not added to
 *     the residual stream
 */
public record Deviation(Matrix inputs, Optional<Matrix> residual) implements AutoCloseable {

  @Override
  public void close() {
    inputs.close();
    residual.ifPresent(Matrix::close);
  }
}
