package io.calm.search;

import io.calm.quant.Quantizer;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The uniform plans of a pool, best first, by the sum over all blocks of the relative squared error
 * of normalized rows that the quantized block adds to what it inherits from earlier blocks. The
 * loss of a model is close to the sum of its blocks' losses, and of the errors that a search knows
 * this one predicts them best (see {@code calm sensitivity}). A mean of scores near 1 would be
 * decided by the worst block.
 *
 * @param plans the algorithms that failed on no block
 */
record UniformRanking(List<Ranked> plans) {
  /** Sums within this factor of the best are too close to tell which plan is better. */
  private static final double CLOSE = 1.1;

  /** A uniform plan and the sum of its blocks' errors. */
  record Ranked(Quantizer quantizer, double blockErrors) {
    String name() {
      return quantizer.name();
    }
  }

  /**
   * Ranks the members of a pool by their results in a search.
   *
   * @param inherited the error of each block before it is quantized; 0 if the reference has the
   *     same input
   */
  static UniformRanking of(
      List<Quantizer> pool, List<QuantPlan.BlockChoice> choices, List<Double> inherited) {
    double before = inherited.stream().mapToDouble(Double::doubleValue).sum();
    return new UniformRanking(
        pool.stream()
            .map(
                quantizer -> new Ranked(quantizer, blockErrors(quantizer.name(), choices) - before))
            .filter(ranked -> Double.isFinite(ranked.blockErrors()))
            .sorted(Comparator.comparingDouble(Ranked::blockErrors))
            .toList());
  }

  /**
   * Returns the algorithm of a finished plan's pool that ranks first; empty if each failed on a
   * block. The errors that blocks inherit are the same for all and do not change the order.
   */
  static Optional<String> first(List<String> pool, List<QuantPlan.BlockChoice> choices) {
    return pool.stream()
        .filter(name -> Double.isFinite(blockErrors(name, choices)))
        .min(Comparator.comparingDouble(name -> blockErrors(name, choices)));
  }

  private static double blockErrors(String algorithm, List<QuantPlan.BlockChoice> choices) {
    return choices.stream()
        .map(choice -> choice.candidates().get(algorithm))
        .mapToDouble(candidate -> candidate == null ? Double.NaN : candidate.normalizedMse())
        .sum();
  }

  /** Returns the best plan, and the second one if it is close. */
  List<Ranked> best() {
    return plans.stream().limit(Search.MAX_UNIFORM_PLANS).filter(this::isClose).toList();
  }

  private boolean isClose(Ranked ranked) {
    double best = plans.get(0).blockErrors();
    return ranked.blockErrors() - best <= (CLOSE - 1) * Math.abs(best);
  }

  /** Returns the sums for a plan's reason, e.g. {@code gptq 0.0123, awq 0.0150}. */
  String words() {
    return plans.stream()
        .map(ranked -> String.format(Locale.ROOT, "%s %.4g", ranked.name(), ranked.blockErrors()))
        .collect(Collectors.joining(", "));
  }
}
