package io.calm.settings;

import io.calm.cka.Metric;
import io.calm.model.ActivationMode;
import io.calm.quant.AlgorithmName;
import io.calm.quant.Granularity;
import java.util.List;
import java.util.Optional;

/**
 * Settings that choose the algorithm of each block.
 *
 * @param algorithm the only algorithm of a uniform plan; empty: search
 * @param pool algorithms to try; empty: the default pool
 * @param metric the measure that scores candidates
 * @param granularity the part of a block that gets one algorithm
 * @param reference the hidden states that feed the full-precision block
 * @param sinkThreshold rows above this many median norms are not scored; 0: all rows are
 * @param guard whether the mix must be no worse than the best uniform plan
 */
public record PlanSettings(
    Optional<AlgorithmName> algorithm,
    List<AlgorithmName> pool,
    Metric metric,
    Granularity granularity,
    ReferenceStream reference,
    double sinkThreshold,
    boolean guard) {

  public PlanSettings {
    pool = List.copyOf(pool);
  }

  /**
   * Returns the metric unless the settings name one. With one activation scale per token, CKA does
   * not tell the algorithms apart well enough: most of the distance to the unquantized stream comes
   * from earlier blocks, and the relative squared error chooses better.
   */
  static Metric defaultMetric(ActivationMode activation) {
    return activation == ActivationMode.PER_TOKEN ? Metric.RELATIVE_MSE : Metric.CKA_NORMALIZED;
  }

  /** Returns the part of a block that gets one algorithm unless the settings name one. */
  static Granularity defaultGranularity(ActivationMode activation) {
    return activation == ActivationMode.PER_TOKEN ? Granularity.STAGE : Granularity.BLOCK;
  }

  /** Returns these settings with {@code rtn} for all blocks. */
  public PlanSettings roundedToNearest() {
    return new PlanSettings(
        Optional.of(new AlgorithmName("rtn")),
        List.of(),
        metric,
        Granularity.BLOCK,
        reference,
        sinkThreshold,
        guard);
  }
}
