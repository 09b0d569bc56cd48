package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;

/**
 * Where finished blocks go as the search makes them, so that it holds none. A search may make two
 * variants of the model, the mix and a uniform one; the plan says which is served.
 */
@FunctionalInterface
public interface BlockSink {

  /**
   * Takes a block.
   *
   * @param variant as in {@link QuantPlan#served}
   * @param layer from 0, each variant's in order
   */
  void block(String variant, int layer, BlockParameters<QuantizedLinear> block);

  /** Takes the int4 lm_head that a search chose and rounded; not called where there is none. */
  default void head(TokenTable table) {
    throw new UnsupportedOperationException("this sink expects no lm_head");
  }
}
