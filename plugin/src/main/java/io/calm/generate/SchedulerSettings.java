package io.calm.generate;

import io.calm.runtime.Decoder;
import io.calm.runtime.StepSize;

/**
 * Budgets of a {@link Scheduler}.
 *
 * @param maxContext most tokens of prompt and answer together
 * @param blocks of keys and values, of {@link Decoder#BLOCK_TOKENS} tokens each
 * @param maxRunning most sequences in a step
 * @param queueSize most requests that wait beyond those that can run
 * @param stepTokens most tokens of a step: decodes first, the rest to prompts
 */
public record SchedulerSettings(
    int maxContext, int blocks, int maxRunning, int queueSize, int stepTokens) {

  /** Rows of a step that score prompt tokens, with [V] logits each: keep them few. */
  public static final int MOST_SCORED_ROWS = 32;

  public SchedulerSettings {
    requirePositive("maxContext", maxContext);
    requirePositive("blocks", blocks);
    requirePositive("maxRunning", maxRunning);
    requirePositive("queueSize", queueSize);
    requirePositive("stepTokens", stepTokens);
  }

  /** Returns the most tokens that all sequences together can hold keys and values of. */
  public int kvTokens() {
    return Math.multiplyExact(blocks, Decoder.BLOCK_TOKENS);
  }

  /** Returns what no step has more of. */
  public StepSize largestStep() {
    return new StepSize(
        Math.addExact(stepTokens, maxRunning), maxRunning, maxRunning + MOST_SCORED_ROWS);
  }

  private static void requirePositive(String name, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          "scheduler: %s must be positive, got %d".formatted(name, value));
    }
  }
}
