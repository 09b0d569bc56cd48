package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.quant.Quantizer;
import io.calm.replay.HiddenStates;
import io.calm.search.Streams.Part;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The last check of a mix, which protects against a mix that is worse than one algorithm alone.
 *
 * <p>The mix is served unless its KL divergence to the full-precision logits is higher than that of
 * the best uniform plan by more than the paired standard error. Both are measured on sequences that
 * neither fitting nor scoring has seen.
 */
final class Guard {
  private final SearchContext context;
  private final ProgressMeter progress;

  Guard(SearchContext context, ProgressMeter progress) {
    this.context = context;
    this.progress = progress;
  }

  /**
   * Returns whether a comparison may take place, so that hidden states of the guard's part are
   * needed.
   */
  static boolean needed(SearchSettings settings) {
    return settings.guard() && settings.pool().size() > 1;
  }

  /**
   * Compares the mix with the best uniform plan and returns the variant to serve.
   *
   * @param choices the choices of the mix
   * @param mix hidden states of the mix behind the last block, with the guard's part if {@link
   *     #needed}
   * @param full full-precision hidden states behind the last block, likewise
   * @param prefix the blocks that the mix shares with a uniform plan; the sink has them already
   * @param sink receives the remaining blocks of the uniform plan
   */
  Verdict judge(
      List<QuantPlan.BlockChoice> choices,
      CalibrationSet set,
      Streams mix,
      Streams full,
      UniformPrefix prefix,
      BlockSink sink) {
    if (!context.settings().guard()) {
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
    int first = prefix.layers(uniform.name());
    Streams stream =
        first > 0
            ? prefix.takeStream()
            : Streams.embed(context.model(), set, EnumSet.of(Part.FIT, Part.GUARD));
    boolean handedOn = false;
    try {
      int forwards;
      try {
        forwards =
            new UniformPass(context, progress::guarding)
                .run(uniform, first, stream, Streams.none(), sink);
      } catch (SearchException e) {
        return kept("the best uniform plan could not be made: " + e.getMessage());
      }
      Verdict verdict = compare(uniform, forwards, mix, stream, full);
      handedOn = verdict.uniform().isPresent();
      return verdict;
    } finally {
      if (!handedOn) {
        stream.close();
      }
    }
  }

  private static Verdict kept(String reason) {
    return new Verdict(Search.MIX, reason, Optional.empty(), 0, Optional.empty());
  }

  /** Returns the algorithm with the highest mean score among those that never failed. */
  private Optional<Quantizer> bestUniform(List<QuantPlan.BlockChoice> choices) {
    return context.settings().pool().stream()
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
    List<double[]> divergences;
    try (HiddenStates reference = context.model().finalNorm(full.get(Part.GUARD));
        HiddenStates first = context.model().finalNorm(mix.get(Part.GUARD));
        HiddenStates second = context.model().finalNorm(alone.get(Part.GUARD))) {
      divergences = context.model().klDivergences(reference, List.of(first, second));
    }
    QuantPlan.GuardResult guard = decide(uniform.name(), divergences.get(0), divergences.get(1));
    String name = QuantPlan.uniform(uniform.name());
    String reason =
        String.format(
            Locale.ROOT,
            "KL to full precision on held-out sequences: mix %.5f, %s %.5f nats a token; "
                + "difference %+.5f, paired standard error %.5f; %s",
            guard.mixKl(),
            name,
            guard.uniformKl(),
            guard.mixKl() - guard.uniformKl(),
            guard.pairedStandardError(),
            guard.mixServed() ? "the mix is served" : "the uniform plan is served");
    return new Verdict(
        guard.mixServed() ? Search.MIX : name,
        reason,
        Optional.of(guard),
        forwards,
        guard.mixServed() ? Optional.empty() : Optional.of(alone));
  }

  /**
   * Decides between two plans by the KL divergence of each sequence. A plan whose divergence is not
   * finite loses.
   *
   * @throws SearchException if neither is finite
   */
  static QuantPlan.GuardResult decide(String uniform, double[] mixKl, double[] uniformKl) {
    double mix = mean(mixKl);
    double alone = mean(uniformKl);
    if (!Double.isFinite(mix) && !Double.isFinite(alone)) {
      throw new SearchException(
          "the logits of the mix and of uniform-%s are not finite on the guard's sequences; check the checkpoint"
              .formatted(uniform));
    }
    double error = pairedStandardError(mixKl, uniformKl);
    // Where the mix is not finite, the comparison is false.
    boolean mixServed = !Double.isFinite(alone) || mix - alone <= error;
    return new QuantPlan.GuardResult(uniform, mix, alone, error, mixServed);
  }

  static double mean(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum / values.length;
  }

  /** Returns the standard error of the mean difference, paired by sequence. */
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
