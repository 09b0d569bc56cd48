package io.calm.search;

import io.calm.cka.Metric;
import io.calm.model.ActivationMode;
import io.calm.quant.Granularity;
import io.calm.quant.Quantizer;
import io.calm.replay.BlockPass;
import java.util.List;

/**
 * Settings of a search.
 *
 * @param pool algorithms to try, at least one
 * @param groupLimit maximum number of inputs that share a scale: 32, 64 or 128
 * @param activation granularity of the int8 activation scales
 * @param metric the measure that scores candidates
 * @param granularity the part of a block that gets one algorithm
 * @param fullPrecisionReference whether the full-precision block reads the full-precision hidden
 *     states instead of those of the quantized prefix
 * @param sinkThreshold tokens above this many median norms count like ordinary ones in scores and
 *     in what algorithms are fitted on; 0: all are treated alike
 * @param guard whether the mix must be no worse than the best uniform plan
 * @param head rule for the format of the lm_head
 */
public record SearchSettings(
    List<Quantizer> pool,
    int groupLimit,
    ActivationMode activation,
    Metric metric,
    Granularity granularity,
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

  /** Returns the rounding of a block's inputs. */
  BlockPass.InputRounding rounding() {
    return new BlockPass.InputRounding(activation, groupLimit);
  }
}
