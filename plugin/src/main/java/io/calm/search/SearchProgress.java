package io.calm.search;

/**
 * A moment of a search, for people who wait.
 *
 * @param phase what is going on, e.g. {@code calibrating}, {@code searching}, {@code guard}
 * @param block the block at hand, from 0
 * @param layers blocks in all
 * @param algorithm the candidate at hand; empty between candidates
 * @param candidate index of the candidate in the pool, from 0
 * @param pool candidates a block
 * @param lastScore the score of the candidate before; NaN where there is none
 * @param elapsedSeconds since the search began
 * @param etaSeconds estimated seconds that are left; NaN while nobody knows
 * @param evaluations candidate block forwards scored so far
 */
public record SearchProgress(
    String phase,
    int block,
    int layers,
    String algorithm,
    int candidate,
    int pool,
    double lastScore,
    double elapsedSeconds,
    double etaSeconds,
    int evaluations) {

  /** Returns the moment of a phase that has no blocks, e.g. {@code opening}. */
  public static SearchProgress phase(String phase, double elapsedSeconds) {
    return new SearchProgress(phase, 0, 0, "", 0, 0, Double.NaN, elapsedSeconds, Double.NaN, 0);
  }
}
