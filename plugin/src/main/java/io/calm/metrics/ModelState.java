package io.calm.metrics;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The state of a model at the time of a scrape.
 *
 * @param variant {@code calm} or {@code uniform-NAME}; empty before it is known
 * @param ready whether the model answers requests
 * @param retired whether it takes no more requests, although its model does: its series continue
 * @param scheduling present if the model answers requests
 * @param search present while the model is being loaded or searched for
 * @param plan present if this is the served variant of a model
 * @param artifact likewise
 * @param deviations latency against the uniform twin; empty if it was not measured
 */
public record ModelState(
    String model,
    String variant,
    boolean ready,
    boolean retired,
    Optional<Scheduling> scheduling,
    Optional<SearchState> search,
    Optional<Plan> plan,
    Optional<Artifact> artifact,
    List<Deviation> deviations) {

  public ModelState {
    deviations = List.copyOf(deviations);
  }

  /** Creates the state of a model that loads, or of its uniform twin. */
  public ModelState(
      String model,
      String variant,
      boolean ready,
      Optional<Scheduling> scheduling,
      Optional<SearchState> search) {
    this(
        model,
        variant,
        ready,
        false,
        scheduling,
        search,
        Optional.empty(),
        Optional.empty(),
        List.of());
  }

  /** Returns the state of a variant of a model that takes no more requests. */
  public static ModelState retired(String model, String variant, Scheduling scheduling) {
    return new ModelState(
        model,
        variant,
        false,
        true,
        Optional.of(scheduling),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        List.of());
  }

  /**
   * The step time of the served plan against that of its uniform twin, as ratios: 0.003 if the
   * served plan takes 0.3 % longer.
   *
   * @param twin variant of the twin
   * @param phase {@code decode} or {@code prefill}
   * @param sequences number of sequences in a step
   * @param low lower bound of the 95 % interval
   * @param high upper bound
   */
  public record Deviation(
      String twin, String phase, int sequences, double ratio, double low, double high) {}

  /**
   * The state of the scheduler and its counters since the load.
   *
   * @param running running sequences
   * @param waiting requests in the queue
   * @param paused generations whose clients do not read; they neither run nor wait
   * @param blocks number of KV blocks
   * @param usedBlocks KV blocks held by sequences
   * @param cachedBlocks KV blocks that only the prefix cache holds
   * @param prefixTokens prompt tokens that were looked up in the prefix cache
   * @param prefixHitTokens prompt tokens that were found there
   * @param stepSequences sum over all steps of their sequences
   * @param proposedTokens predicted tokens that steps verified
   * @param acceptedTokens predicted tokens that were right
   */
  public record Scheduling(
      int running,
      int waiting,
      int paused,
      int blocks,
      int usedBlocks,
      int cachedBlocks,
      long prefixTokens,
      long prefixHitTokens,
      long preemptions,
      long steps,
      long stepTokens,
      long stepSequences,
      long proposedTokens,
      long acceptedTokens,
      Limits limits) {}

  /**
   * The limits of the scheduler.
   *
   * @param running maximum number of running sequences ({@code calm.max-running})
   * @param waiting maximum number of requests in the queue ({@code calm.queue-size})
   */
  public record Limits(int running, int waiting) {}

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
  public record Blocks(int block, int blocks, double lastScore) {}

  /**
   * The plan of a quantized model.
   *
   * @param metric the measure of the scores, as in {@code calm.metric}
   * @param group maximum number of inputs that share a scale
   * @param lmHead number format of the lm_head
   * @param blocks one choice for each block, in order
   */
  public record Plan(String metric, int group, String lmHead, List<Block> blocks) {
    public Plan {
      blocks = List.copyOf(blocks);
    }

    /**
     * The choice for a block.
     *
     * @param score NaN if it was not scored
     */
    public record Block(int block, String algorithm, double score) {}
  }

  /**
   * The stored artifact of a model.
   *
   * @param bytes size of all its files
   * @param created time of its publication
   */
  public record Artifact(long bytes, Instant created) {}
}
