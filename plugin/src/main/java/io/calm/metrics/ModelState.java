package io.calm.metrics;

import java.util.Optional;

/**
 * A model at the moment of a scrape.
 *
 * @param variant {@code calm}, {@code uniform-NAME}, {@code reference}; empty before it is known
 * @param ready whether it answers requests
 * @param running sequences in the step at hand
 * @param waiting requests in the queue
 * @param search present while the model is being loaded
 */
public record ModelState(
    String model,
    String variant,
    boolean ready,
    int running,
    int waiting,
    Optional<Search> search) {

  /**
   * A search under way.
   *
   * @param lastScore NaN where there is none
   * @param etaSeconds NaN while nobody knows
   */
  public record Search(
      int block,
      int blocks,
      int evaluations,
      double lastScore,
      double elapsedSeconds,
      double etaSeconds) {}
}
