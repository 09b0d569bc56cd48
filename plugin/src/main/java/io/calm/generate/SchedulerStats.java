package io.calm.generate;

/**
 * What a {@link Scheduler} has at hand, and what it has done since it started.
 *
 * @param running sequences that hold blocks, the paused ones included
 * @param waiting requests that hold none: new ones, and preempted ones
 * @param blocks of keys and values
 * @param usedBlocks held by sequences
 * @param cachedBlocks held by nobody, kept for prompts that begin alike
 * @param promptTokens of the requests that looked for a cached prefix
 * @param sharedTokens of these, found in the cache and not computed again
 * @param preemptions sequences that gave up their blocks for others
 * @param steps of the decoder
 * @param stepTokens tokens of all steps
 */
public record SchedulerStats(
    int running,
    int waiting,
    int blocks,
    int usedBlocks,
    int cachedBlocks,
    long promptTokens,
    long sharedTokens,
    long preemptions,
    long steps,
    long stepTokens) {

  /** Returns these with so many more that wait. */
  SchedulerStats withWaiting(int more) {
    return new SchedulerStats(
        running,
        waiting + more,
        blocks,
        usedBlocks,
        cachedBlocks,
        promptTokens,
        sharedTokens,
        preemptions,
        steps,
        stepTokens);
  }
}
