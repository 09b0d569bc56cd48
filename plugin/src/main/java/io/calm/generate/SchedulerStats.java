package io.calm.generate;

/**
 * A snapshot of a {@link Scheduler}'s state and its counters since the start.
 *
 * @param running number of admitted sequences that are not paused
 * @param waiting number of requests that wait for admission and are not paused: queued and
 *     preempted ones
 * @param paused number of paused requests, with or without blocks
 * @param blocks number of KV blocks
 * @param usedBlocks number of blocks held by sequences
 * @param cachedBlocks number of idle blocks in the prefix cache
 * @param promptTokens number of prompt tokens looked up in the prefix cache
 * @param sharedTokens number of these that were found
 * @param preemptions number of preempted sequences
 * @param steps number of decoder steps
 * @param stepTokens number of tokens of all steps, without predicted ones that were wrong
 * @param stepSequences number of sequences of all steps
 * @param proposedTokens number of predicted tokens that steps verified
 * @param acceptedTokens number of these that were right
 */
public record SchedulerStats(
    int running,
    int waiting,
    int paused,
    int blocks,
    int usedBlocks,
    int cachedBlocks,
    long promptTokens,
    long sharedTokens,
    long preemptions,
    long steps,
    long stepTokens,
    long stepSequences,
    long proposedTokens,
    long acceptedTokens) {
  /** No requests and no steps. */
  public static final SchedulerStats NONE =
      new SchedulerStats(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

  /** Returns the sums of two schedulers. */
  public SchedulerStats plus(SchedulerStats other) {
    return new SchedulerStats(
        running + other.running,
        waiting + other.waiting,
        paused + other.paused,
        blocks + other.blocks,
        usedBlocks + other.usedBlocks,
        cachedBlocks + other.cachedBlocks,
        promptTokens + other.promptTokens,
        sharedTokens + other.sharedTokens,
        preemptions + other.preemptions,
        steps + other.steps,
        stepTokens + other.stepTokens,
        stepSequences + other.stepSequences,
        proposedTokens + other.proposedTokens,
        acceptedTokens + other.acceptedTokens);
  }

  /** Returns the counters alone: those of a scheduler that has no requests and no KV blocks. */
  public SchedulerStats counters() {
    return new SchedulerStats(
        0,
        0,
        0,
        0,
        0,
        0,
        promptTokens,
        sharedTokens,
        preemptions,
        steps,
        stepTokens,
        stepSequences,
        proposedTokens,
        acceptedTokens);
  }

  /** Returns a copy with more waiting and paused requests. */
  SchedulerStats withWaiting(int moreWaiting, int morePaused) {
    return new SchedulerStats(
        running,
        waiting + moreWaiting,
        paused + morePaused,
        blocks,
        usedBlocks,
        cachedBlocks,
        promptTokens,
        sharedTokens,
        preemptions,
        steps,
        stepTokens,
        stepSequences,
        proposedTokens,
        acceptedTokens);
  }
}
