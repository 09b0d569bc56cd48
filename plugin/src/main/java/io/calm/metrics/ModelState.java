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
   * The progress of a load.
   *
   * @param blocks present while the load visits the blocks of the model
   * @param etaSeconds NaN while there is no estimate
   */
  public record Search(Optional<Blocks> blocks, double elapsedSeconds, double etaSeconds) {}

  /**
   * The progress through the blocks of the model.
   *
   * @param block index from 0
   * @param lastScore NaN before the first
   */
  public record Blocks(int block, int blocks, int evaluations, double lastScore) {}
}
