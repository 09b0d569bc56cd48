package io.calm.metrics;

import java.util.List;
import java.util.Optional;

/**
 * The state of a model at the time of a scrape.
 *
 * @param variant {@code calm}, {@code uniform-NAME}, {@code reference}; empty before it is known
 * @param ready whether the model answers requests
 * @param scheduling present if the model answers requests
 * @param search present while the model is being loaded
 * @param deviations latency against the uniform twin; empty if it was not measured
 */
public record ModelState(
    String model,
    String variant,
    boolean ready,
    Optional<Scheduling> scheduling,
    Optional<SearchState> search,
    List<Deviation> deviations) {

  public ModelState {
    deviations = List.copyOf(deviations);
  }

  /** Creates the state of a model that was not compared with its uniform twin. */
  public ModelState(
      String model,
      String variant,
      boolean ready,
      Optional<Scheduling> scheduling,
      Optional<SearchState> search) {
    this(model, variant, ready, scheduling, search, List.of());
  }

  /**
   * The step time of the served plan against that of its uniform twin, as ratios: 0.003 if the
   * served plan takes 0.3 % longer.
   *
   * @param baseline variant of the twin
   * @param phase {@code decode} or {@code prefill}
   * @param sequences number of sequences in a step
   * @param low lower bound of the 95 % interval
   * @param high upper bound
   */
  public record Deviation(
      String baseline, String phase, int sequences, double ratio, double low, double high) {}

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
