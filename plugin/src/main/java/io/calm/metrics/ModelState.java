package io.calm.metrics;

import java.util.Optional;

/**
 * A model at the moment of a scrape.
 *
 * @param variant {@code calm}, {@code uniform-NAME}, {@code reference}; empty before it is known
 * @param ready whether it answers requests
 * @param scheduling present where it answers requests
 * @param search present while the model is being loaded
 */
public record ModelState(
    String model,
    String variant,
    boolean ready,
    Optional<Scheduling> scheduling,
    Optional<Search> search) {

  /**
   * What the scheduler has at hand, and what it has done since the model was loaded.
   *
   * @param running sequences that hold keys and values
   * @param waiting requests in the queue
   * @param blocks of keys and values in all
   * @param usedBlocks held by sequences
   * @param cachedBlocks held by nobody, kept for prompts that begin alike
   * @param prefixTokens of prompts that were looked up in that cache
   * @param prefixHitTokens of these, found
   */
  public record Scheduling(
      int running,
      int waiting,
      int blocks,
      int usedBlocks,
      int cachedBlocks,
      long prefixTokens,
      long prefixHitTokens,
      long preemptions,
      long steps,
      long stepTokens) {}

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
