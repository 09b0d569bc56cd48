package io.calm.quant;

/**
 * A choice of scales for a stage: inputs are divided by them, weights multiplied, so that the
 * full-precision block is the same and the W4A8 block is closer to it.
 */
public interface Fold {

  /**
   * Chooses.
   *
   * @param stage the stage with its weights and activations
   * @param rounding the rounding of the weights that follows
   * @return one positive scale for each channel of {@code stage.site()}, and how it was found
   */
  Choice choose(StageProblem stage, Rounding rounding);

  /**
   * Scales and their origin.
   *
   * @param scales [channels], positive; all 1 for the identity
   * @param detail for people, e.g. {@code alpha 0.35}
   */
  @SuppressWarnings("ArrayRecordComponent") // a bulk value, passed once
  record Choice(float[] scales, String detail) {}
}
