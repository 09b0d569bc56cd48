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
 * @param sinkThreshold tokens above this many median norms count like ordinary ones in scores and
 *     in what algorithms are fitted on; 0: all are treated alike
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
   * Returns the metric that {@code calm.search.metric=auto} selects. With one activation scale per
   * token, a search by CKA preferred candidates with a higher squared error, and its mix lost to
   * uniform plans. {@link io.calm.quant.Quantizers#defaultPool} has the pool of both cases.
   */
  static Metric defaultMetric(ActivationMode activation) {
    return activation == ActivationMode.PER_TOKEN ? Metric.RELATIVE_MSE : Metric.CKA_NORMALIZED;
  }

  /** Returns the granularity that {@code calm.search.granularity=auto} selects. */
  static Granularity defaultGranularity(ActivationMode activation) {
    return activation == ActivationMode.PER_TOKEN ? Granularity.STAGE : Granularity.BLOCK;
  }

  /**
   * Returns the granularity of a search among {@code algorithms} algorithms. With one there is
   * nothing to choose, and it quantizes whole blocks.
   */
  public Granularity granularityAmong(int algorithms) {
    return algorithms == 1 ? Granularity.BLOCK : granularity;
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
