package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.quant.Quantizer;
import io.calm.runtime.pytorch.HiddenStates;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The last check of a mix: it is served only if its KL divergence to the full-precision logits, on
 * sequences that neither fitting nor scoring has seen, is not worse than that of the best uniform
 * plan beyond the paired standard error.
 */
final class Guard {
  private final Workbench bench;
  private final ProgressMeter progress;

  Guard(Workbench bench, ProgressMeter progress) {
    this.bench = bench;
    this.progress = progress;
  }

  /**
   * Judges.
   *
   * @param choices the mix
   * @param mix its stream behind the last block
   * @param full the full-precision stream behind the last block
   * @param sink receives the uniform plan's blocks
   */
  Verdict judge(
      List<QuantPlan.BlockChoice> choices,
      CalibrationSet set,
      Streams mix,
      Streams full,
      BlockSink sink) {
    if (!bench.settings().guard()) {
      return kept("the guard is off (calm.search.guard=false)");
    }
    Optional<Quantizer> best = bestUniform(choices);
    if (best.isEmpty()) {
      return kept("no algorithm alone could quantize every block");
    }
    Quantizer uniform = best.get();
    if (choices.stream().allMatch(choice -> choice.algorithm().equals(uniform.name()))) {
      return kept(uniform.name() + " won every block, so the mix is the best uniform plan");
    }
    try (Streams stream = Streams.embed(bench.model(), set)) {
      int forwards;
      try {
        forwards = new UniformPass(bench, progress, "guard").run(uniform, stream, sink, true);
      } catch (SearchException e) {
        return kept("the best uniform plan could not be made: " + e.getMessage());
      }
      // The guard's part of three streams (full precision, mix, uniform) and the uniform's fit
      // part.
      return compare(uniform, forwards + 3 * bench.spec().layers(), mix, stream, full);
    }
  }

  private static Verdict kept(String reason) {
    return new Verdict(Search.MIX, reason, Optional.empty(), 0);
  }

  /** Returns the algorithm with the highest mean score among those that never failed. */
  private Optional<Quantizer> bestUniform(List<QuantPlan.BlockChoice> choices) {
    return bench.settings().pool().stream()
        .filter(q -> !Double.isNaN(meanScore(q, choices)))
        .max(Comparator.comparingDouble(q -> meanScore(q, choices)));
  }

  private static double meanScore(Quantizer quantizer, List<QuantPlan.BlockChoice> choices) {
    return choices.stream()
        .map(choice -> choice.candidates().get(quantizer.name()))
        .mapToDouble(candidate -> candidate == null ? Double.NaN : candidate.score())
        .average()
        .orElse(Double.NaN);
  }

  private Verdict compare(
      Quantizer uniform, int forwards, Streams mix, Streams alone, Streams full) {
    double[] mixKl;
    double[] uniformKl;
    try (HiddenStates reference = bench.model().finalNorm(full.guard());
        HiddenStates first = bench.model().finalNorm(mix.guard());
        HiddenStates second = bench.model().finalNorm(alone.guard())) {
      mixKl = bench.model().klDivergence(reference, first);
      uniformKl = bench.model().klDivergence(reference, second);
    }
    if (!Double.isFinite(mean(mixKl)) && !Double.isFinite(mean(uniformKl))) {
      throw new SearchException(
          "the logits of the mix and of uniform-%s are not finite on the guard's sequences; check the checkpoint"
              .formatted(uniform.name()));
    }
    double difference = mean(mixKl) - mean(uniformKl);
    double error = pairedStandardError(mixKl, uniformKl);
    // A KL that is not finite loses; the comparison with NaN is false.
    boolean served = !Double.isFinite(mean(uniformKl)) || difference <= error;
    String name = QuantPlan.uniform(uniform.name());
    String reason =
        String.format(
            Locale.ROOT,
            "KL to full precision on held-out sequences: mix %.5f, %s %.5f nats a token; "
                + "difference %+.5f, paired standard error %.5f; %s",
            mean(mixKl),
            name,
            mean(uniformKl),
            difference,
            error,
            served ? "the mix is served" : "the uniform plan is served");
    QuantPlan.Guard guard =
        new QuantPlan.Guard(uniform.name(), mean(mixKl), mean(uniformKl), error, served);
    return new Verdict(served ? Search.MIX : name, reason, Optional.of(guard), forwards);
  }

  static double mean(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum / values.length;
  }

  /** Returns the standard error of the mean of the differences, sequence by sequence. */
  static double pairedStandardError(double[] a, double[] b) {
    double[] differences = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      differences[i] = a[i] - b[i];
    }
    double mean = mean(differences);
    double squares = 0;
    for (double d : differences) {
      squares += (d - mean) * (d - mean);
    }
    return a.length < 2 ? 0 : Math.sqrt(squares / (a.length - 1) / a.length);
  }
}
