package io.calm.search;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The choice of an algorithm: the candidate with the highest score, or, among scores that are too
 * close to tell apart, the one that {@link Ties} prefers.
 *
 * @param index index of the winner among the evaluations
 */
record Choice(int index, String reason) {

  /**
   * The rule for scores that are too close to tell apart, and the error that then decides.
   *
   * @param perfect the score of an output without error: 1 for CKA, 0 for a squared error
   * @param share scores tie within this share of the best one's distance from {@code perfect}, at
   *     least within {@link #SATURATED}
   * @param earlier the sum of the errors of normalized rows that each candidate's algorithm had in
   *     the blocks before; empty: the relative squared error of the candidate alone decides
   */
  record Ties(double perfect, double share, List<Double> earlier) {
    /** Scores that differ by less tie in any case, because CKA saturates near 1. */
    static final double SATURATED = 1e-6;

    /** The share of a score's distance from a perfect one that only more than noise exceeds. */
    static final double NOISE = 0.02;

    /** Returns ties within {@link #SATURATED}, which the lowest relative squared error decides. */
    static Ties narrow() {
      return new Ties(1, 0, List.of());
    }

    /**
     * Returns ties within {@link #NOISE}, which the algorithm decides that has the lowest sum of
     * errors over the blocks so far. Most of the distance is inherited from the blocks before, and
     * two runs that differ in the last bits of their sums differ by up to two hundredths of it. A
     * mix of such differences is no better than one algorithm, and costs the guard a uniform plan.
     *
     * @param perfect the score of an output without error
     * @param earlier the sum of each algorithm over the blocks before, in the order of the pool
     */
    static Ties leading(double perfect, List<Double> earlier) {
      return new Ties(perfect, NOISE, List.copyOf(earlier));
    }

    private double threshold(double best) {
      return best - Math.max(SATURATED, share * (perfect - best));
    }

    private double error(List<QuantPlan.Candidate> candidates, int index) {
      QuantPlan.Candidate candidate = candidates.get(index);
      return earlier.isEmpty()
          ? candidate.relativeMse()
          : earlier.get(index) + candidate.normalizedMse();
    }

    private String reason(int tied) {
      return earlier.isEmpty()
          ? "%d scores within %.0e of the best; lowest relative MSE of these"
              .formatted(tied, SATURATED)
          : "%d scores within %.0f %% of the best one's distance from a perfect score; lowest sum of errors over the blocks so far"
              .formatted(tied, 100 * share);
    }
  }

  /** Returns the choice; empty if every candidate failed. */
  static Optional<Choice> among(List<QuantPlan.Candidate> candidates, Ties ties) {
    List<Integer> scored =
        IntStream.range(0, candidates.size())
            .filter(i -> candidates.get(i).failure().isEmpty())
            .boxed()
            .toList();
    if (scored.isEmpty()) {
      return Optional.empty();
    }
    double best = scored.stream().mapToDouble(i -> candidates.get(i).score()).max().orElseThrow();
    List<Integer> tied =
        scored.stream().filter(i -> candidates.get(i).score() >= ties.threshold(best)).toList();
    int winner =
        tied.stream()
            .min(Comparator.comparingDouble((Integer i) -> ties.error(candidates, i)))
            .orElseThrow();
    String reason =
        candidates.size() == 1
            ? "the only algorithm of the pool"
            : scored.size() == 1
                ? "the only candidate that did not fail"
                : tied.size() == 1 ? "highest score" : ties.reason(tied.size());
    return Optional.of(new Choice(winner, reason));
  }

  /**
   * Returns whether a candidate can win when more candidates follow. It cannot if a score is too
   * far above its own for a tie, or if a candidate with no lower score comes before it by error:
   * that one is in every tie that this one is in.
   */
  static boolean canWin(List<QuantPlan.Candidate> candidates, Ties ties, int index) {
    QuantPlan.Candidate candidate = candidates.get(index);
    if (candidate.failure().isPresent()) {
      return false;
    }
    for (int i = 0; i < candidates.size(); i++) {
      QuantPlan.Candidate other = candidates.get(i);
      if (i == index || other.failure().isPresent()) {
        continue;
      }
      int errors = Double.compare(ties.error(candidates, i), ties.error(candidates, index));
      boolean before = errors < 0 || (errors == 0 && i < index);
      if (candidate.score() < ties.threshold(other.score())
          || (other.score() >= candidate.score() && before)) {
        return false;
      }
    }
    return true;
  }
}
