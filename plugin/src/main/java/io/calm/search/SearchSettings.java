package io.calm.search;

import io.calm.cka.Metric;
import io.calm.model.ActivationMode;
import io.calm.quant.Quantizer;
import io.calm.replay.BlockPass;
import java.util.List;

/**
 * What a search is told.
 *
 * @param pool algorithms to try, at least one
 * @param groupLimit largest group of a scale: 32, 64 or 128
 * @param activation how activations are rounded
 * @param metric name of the similarity
 * @param fullPrecisionReference whether the reference block is fed by the unquantized stream
 *     instead of the quantized prefix
 * @param sinkThreshold rows of more than this many median norms are not scored; 0: all are
 * @param guard whether the mix must hold against the best uniform plan
 * @param head how the format of the lm_head is found
 */
public record SearchSettings(
    List<Quantizer> pool,
    int groupLimit,
    ActivationMode activation,
    Metric metric,
    boolean fullPrecisionReference,
    double sinkThreshold,
    boolean guard,
    HeadRule head) {

  public SearchSettings {
    pool = List.copyOf(pool);
    if (pool.isEmpty()) {
      throw new IllegalArgumentException("the pool has no algorithm; name one at least");
    }
  }

  /** Returns how a block's inputs are rounded. */
  BlockPass.Rounding rounding() {
    return new BlockPass.Rounding(activation, groupLimit);
  }
}
