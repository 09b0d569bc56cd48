package io.calm.cli;

import io.calm.quantize.Baseline;

/** Describes the uniform plan that a model is compared with, in one line. */
final class BaselineLine {
  private BaselineLine() {}

  static String of(Baseline baseline) {
    if (!(baseline instanceof Baseline.Uniform uniform)) {
      return "baseline: none (%s)".formatted(baseline.reason());
    }
    String state =
        uniform.identical()
            ? "the served artifact itself"
            : uniform.stored() ? "stored beside it" : "made on first use";
    return "baseline: %s, %s (%s)".formatted(uniform.variant(), state, uniform.reason());
  }
}
