package io.calm.quant;

import io.calm.tensor.QuantizedMatrix;
import java.util.Optional;

/** A method of rounding weights to 4-bit codes and grids. */
public interface Rounding {

  /**
   * Rounds weights: all linears of a stage, stacked, after the fold; or some rows of the lm_head.
   *
   * @return codes and grids of the same shape
   * @throws QuantizationException naming the linear, if it cannot be done
   */
  QuantizedMatrix round(RoundingProblem problem);

  /** Returns whether the rounding reads {@link InputStatistics#gram}. */
  default boolean needsGram() {
    return false;
  }

  /**
   * Returns the rounding that the scales of a fold are compared with, if the error of one weight
   * changes the codes of others: this one, without corrections for errors of earlier linears. Empty
   * if every weight is rounded on its own.
   */
  default Optional<Rounding> roundingForFolds() {
    return Optional.empty();
  }

  /**
   * Returns whether the rounding reads {@link InputStatistics#deviation}, which needs the hidden
   * states of the full-precision model beside those of the quantized one.
   */
  default boolean comparesStreams() {
    return false;
  }
}
