package io.calm.generate;

import io.calm.runtime.Decoder;
import io.calm.runtime.StepSize;

/**
 * Budgets of a {@link Scheduler}.
 *
 * @param maxContext maximum number of tokens of prompt and answer together
 * @param blocks number of KV blocks, each of {@link Decoder#BLOCK_TOKENS} tokens
 * @param maxRunning maximum number of sequences in a step
 * @param queueSize maximum number of waiting requests in addition to {@code maxRunning}
 * @param stepTokens maximum number of tokens in a step; decodes are scheduled before prompts
 * @param speculatedTokens maximum number of predicted tokens of a sequence that a step verifies; 0
 *     for no speculation
 */
public record SchedulerSettings(
    int maxContext,
    int blocks,
    int maxRunning,
    int queueSize,
    int stepTokens,
    int speculatedTokens) {

  /**
   * Maximum number of rows in a step that score prompt tokens or verify predicted ones; each has
   * [V] logits.
   */
  public static final int MAX_SCORED_ROWS = 32;

  public SchedulerSettings {
    requirePositive("maxContext", maxContext);
    requirePositive("blocks", blocks);
    requirePositive("maxRunning", maxRunning);
    requirePositive("queueSize", queueSize);
    requirePositive("stepTokens", stepTokens);
    if (speculatedTokens < 0) {
      throw new IllegalArgumentException(
          "scheduler: speculatedTokens must not be negative, got %d".formatted(speculatedTokens));
    }
  }

  /** Creates settings without speculation. */
  public SchedulerSettings(
      int maxContext, int blocks, int maxRunning, int queueSize, int stepTokens) {
    this(maxContext, blocks, maxRunning, queueSize, stepTokens, 0);
  }

  /** Returns these settings with another maximum of predicted tokens. */
  public SchedulerSettings speculating(int tokens) {
    return new SchedulerSettings(maxContext, blocks, maxRunning, queueSize, stepTokens, tokens);
  }

  /** Returns the maximum number of tokens with stored keys and values, over all sequences. */
  public int kvTokens() {
    return Math.multiplyExact(blocks, Decoder.BLOCK_TOKENS);
  }

  /** Returns the upper bound of a step's size. */
  public StepSize largestStep() {
    return new StepSize(
        Math.addExact(stepTokens, maxRunning), maxRunning, maxRunning + MAX_SCORED_ROWS);
  }

  private static void requirePositive(String name, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          "scheduler: %s must be positive, got %d".formatted(name, value));
    }
  }
}
