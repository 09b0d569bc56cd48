package io.calm.metrics;

import java.util.Optional;

/**
 * The state of a model at the time of a scrape.
 *
 * @param variant {@code calm}, {@code uniform-NAME}, {@code reference}; empty before it is known
 * @param ready whether the model answers requests
 * @param scheduling present if the model answers requests
 * @param search present while the model is being loaded or searched for
 */
public record ModelState(
    String model,
    String variant,
    boolean ready,
    Optional<Scheduling> scheduling,
    Optional<SearchState> search) {

  /**
   * The state of the scheduler and its counters since the load.
   *
   * @param running sequences that hold KV blocks
   * @param waiting requests in the queue
   * @param blocks number of KV blocks
   * @param usedBlocks KV blocks held by sequences
   * @param cachedBlocks KV blocks that only the prefix cache holds
   * @param prefixTokens prompt tokens that were looked up in the prefix cache
   * @param prefixHitTokens prompt tokens that were found there
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
  public record SearchState(Optional<Blocks> blocks, double elapsedSeconds, double etaSeconds) {}

  /**
   * The progress through the blocks of the model.
   *
   * @param block index from 0
   * @param lastScore NaN before the first
   */
  public record Blocks(int block, int blocks, int evaluations, double lastScore) {}
}
