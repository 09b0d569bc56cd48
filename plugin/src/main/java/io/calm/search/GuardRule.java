package io.calm.search;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The rule by which the guard decides between the mix and uniform plans. */
final class GuardRule {
  private GuardRule() {}

  /**
   * A uniform plan beside the mix.
   *
   * @param blockErrors the sum that the plan was chosen by
   * @param kl divergence of each sequence
   */
  record Rival(String algorithm, double blockErrors, List<Double> kl) {
    Rival(String algorithm, double blockErrors, double[] kl) {
      this(algorithm, blockErrors, Arrays.stream(kl).boxed().toList());
    }

    double[] sequences() {
      return kl.stream().mapToDouble(Double::doubleValue).toArray();
    }
  }

  /**
   * Decides between the mix and the uniform plan with the lowest mean KL divergence. The mix needs
   * evidence: it is served if its mean is lower by at least the paired standard error, which takes
   * two sequences or more. Plans of both kinds have the same size and speed, and the choices of a
   * mix are fitted to the search's own sequences ({@code docs/adr/0004-guard.md}). A plan whose
   * divergence is not finite loses.
   *
   * @param mixed whether the mix has several algorithms; otherwise it is a uniform plan itself, and
   *     the lower mean decides
   * @param rivals one plan or more
   */
  static QuantPlan.GuardResult decide(boolean mixed, double[] mixKl, List<Rival> rivals) {
    double mix = Paired.mean(mixKl);
    Rival best =
        rivals.stream()
            .min(
                Comparator.comparingDouble(
                    rival -> finiteOrInfinity(Paired.mean(rival.sequences()))))
            .orElseThrow();
    double uniform = Paired.mean(best.sequences());
    double error = Paired.standardError(mixKl, best.sequences());
    boolean evidence =
        mixed ? mixKl.length > 1 && mix < uniform && uniform - mix >= error : mix <= uniform;
    return new QuantPlan.GuardResult(
        best.algorithm(),
        mix,
        uniform,
        error,
        !Double.isFinite(uniform) || evidence, // no evidence where the mix is not finite
        rivals.stream()
            .map(
                rival ->
                    new QuantPlan.UniformResult(
                        rival.algorithm(),
                        rival.blockErrors(),
                        Paired.mean(rival.sequences()),
                        Paired.standardError(mixKl, rival.sequences())))
            .toList());
  }

  private static double finiteOrInfinity(double value) {
    return Double.isFinite(value) ? value : Double.POSITIVE_INFINITY;
  }

  /**
   * Refuses a comparison without a finite divergence.
   *
   * @throws SearchException if neither the mix nor a uniform plan has one
   */
  static void requireFinite(QuantPlan.GuardResult guard) {
    if (!Double.isFinite(guard.mixKl()) && guard.mixServed()) {
      throw new SearchException(
          "the logits of the mix and of uniform-%s are not finite on the guard's sequences; check the checkpoint"
              .formatted(guard.uniform()));
    }
  }

  /** Returns a decision in words, with its figures. */
  static String reason(QuantPlan.GuardResult guard) {
    String uniforms =
        guard.uniforms().stream()
            .map(
                uniform ->
                    String.format(
                        Locale.ROOT,
                        "%s %.5f",
                        QuantPlan.uniform(uniform.algorithm()),
                        uniform.kl()))
            .collect(Collectors.joining(", "));
    return String.format(
        Locale.ROOT,
        "KL to full precision on held-out sequences: mix %.5f, %s nats per token; difference %+.5f%s,"
            + " paired standard error %.5f; %s",
        guard.mixKl(),
        uniforms,
        guard.mixKl() - guard.uniformKl(),
        guard.uniforms().size() > 1 ? " to " + QuantPlan.uniform(guard.uniform()) : "",
        guard.pairedStandardError(),
        guard.mixServed()
            ? "the mix is served"
            : guard.mixKl() < guard.uniformKl()
                ? "the mix is not better by at least that standard error (which needs two or more"
                    + " sequences): the uniform plan is served"
                : "the uniform plan is served");
  }
}
