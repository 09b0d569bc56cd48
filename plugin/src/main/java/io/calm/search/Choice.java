package io.calm.search;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The choice of a block's algorithm: the candidate with the highest score. Among scores within 1e-6
 * of it the candidate with the lowest relative MSE wins, because CKA saturates near 1.
 *
 * @param index index of the winner among the evaluations
 */
record Choice(int index, String reason) {
  static final double TIE = 1e-6;

  /** Returns the choice; empty if every candidate failed. */
  static Optional<Choice> among(List<QuantPlan.Candidate> candidates) {
    List<Integer> scored =
        java.util.stream.IntStream.range(0, candidates.size())
            .filter(i -> candidates.get(i).failure().isEmpty())
            .boxed()
            .toList();
    if (scored.isEmpty()) {
      return Optional.empty();
    }
    double best = scored.stream().mapToDouble(i -> candidates.get(i).score()).max().orElseThrow();
    List<Integer> tied =
        scored.stream().filter(i -> candidates.get(i).score() >= best - TIE).toList();
    int winner =
        tied.stream()
            .min(Comparator.comparingDouble((Integer i) -> candidates.get(i).relativeMse()))
            .orElseThrow();
    return Optional.of(new Choice(winner, reason(candidates.size(), scored.size(), tied.size())));
  }

  /**
   * Returns whether a candidate can win when more candidates follow. It cannot if a score exceeds
   * its own by more than a tie, or if a candidate with no lower score comes before it by relative
   * MSE: that one is in every tie that this one is in.
   */
  static boolean canWin(List<QuantPlan.Candidate> candidates, int index) {
    QuantPlan.Candidate candidate = candidates.get(index);
    if (candidate.failure().isPresent()) {
      return false;
    }
    for (int i = 0; i < candidates.size(); i++) {
      QuantPlan.Candidate other = candidates.get(i);
      if (i == index || other.failure().isPresent()) {
        continue;
      }
      int errors = Double.compare(other.relativeMse(), candidate.relativeMse());
      boolean before = errors < 0 || (errors == 0 && i < index);
      if (candidate.score() < other.score() - TIE
          || (other.score() >= candidate.score() && before)) {
        return false;
      }
    }
    return true;
  }

  private static String reason(int all, int scored, int tied) {
    if (all == 1) {
      return "the only algorithm of the pool";
    }
    if (scored == 1) {
      return "the only candidate that did not fail";
    }
    return tied == 1
        ? "highest score"
        : "%d scores within %.0e of the best; lowest relative MSE of these".formatted(tied, TIE);
  }
}
