package io.calm.generate;

/**
 * Budgets of a {@link Scheduler}.
 *
 * @param maxContext most tokens of prompt and answer together
 * @param kvTokens most tokens that all running sequences may reserve keys and values for
 * @param maxRunning most sequences in a step
 * @param queueSize most requests that wait beyond those that can run
 * @param stepTokens most tokens of a step: decodes first, the rest to prompts
 */
public record SchedulerSettings(
    int maxContext, int kvTokens, int maxRunning, int queueSize, int stepTokens) {

  public SchedulerSettings {
    requirePositive("maxContext", maxContext);
    requirePositive("kvTokens", kvTokens);
    requirePositive("maxRunning", maxRunning);
    requirePositive("queueSize", queueSize);
    requirePositive("stepTokens", stepTokens);
  }

  /** Returns defaults for a model of this context: 16 sequences, 100 waiting, 256 tokens a step. */
  public static SchedulerSettings defaults(int maxContext) {
    return new SchedulerSettings(maxContext, Math.max(maxContext, 16_384), 16, 100, 256);
  }

  private static void requirePositive(String name, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          "scheduler: %s must be positive, got %d".formatted(name, value));
    }
  }
}
