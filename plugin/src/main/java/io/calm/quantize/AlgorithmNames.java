package io.calm.quantize;

import io.calm.quant.Quantizers;
import io.calm.settings.PlanSettings;

/** The names of algorithms in settings, checked without a model. */
public final class AlgorithmNames {
  private AlgorithmNames() {}

  /**
   * Refuses names that no algorithm on the class path has, alone or in a composition.
   *
   * @throws IllegalArgumentException if there is such a name, with the names that there are
   */
  public static void requireKnown(PlanSettings plan) {
    Quantizers known = Quantizers.load();
    plan.algorithm().ifPresent(known::get);
    plan.pool().forEach(known::get);
  }
}
