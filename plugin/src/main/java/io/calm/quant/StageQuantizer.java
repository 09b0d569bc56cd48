package io.calm.quant;

/**
 * The part of an algorithm that quantizes one stage of a block, so that other algorithms may
 * quantize the other stages. Stateless and thread safe.
 */
public interface StageQuantizer {

  /**
   * Quantizes the linears of the walk's stage.
   *
   * @param walk at the stage; may be divided, is not advanced
   * @throws QuantizationException if the numbers do not allow it; the message names the linear
   */
  StageResult quantizeStage(BlockSample sample, StageWalk walk);
}
