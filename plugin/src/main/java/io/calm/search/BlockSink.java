package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;

/**
 * Receiver of finished blocks, so that the search holds none of them. A search may produce two
 * variants of the model, the mix and a uniform plan; {@link QuantPlan#served} names the one that is
 * served.
 */
@FunctionalInterface
public interface BlockSink {

  /**
   * Receives a block.
   *
   * @param variant name of the variant, as in {@link QuantPlan#served}
   * @param layer index from 0; the blocks of a variant arrive in order
   */
  void block(String variant, int layer, BlockParameters<QuantizedLinear> block);

  /** Receives the int4 lm_head that a search chose. Not called if the search chose none. */
  default void head(TokenTable table) {
    throw new UnsupportedOperationException("this sink expects no lm_head");
  }
}
