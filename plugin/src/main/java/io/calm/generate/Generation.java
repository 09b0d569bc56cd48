package io.calm.generate;

/**
 * A handle of a submitted request. Thread safe; methods do not block, and have no effect once the
 * generation has ended.
 */
public interface Generation {

  /** Asks the scheduler to end this generation before its next step. */
  void cancel();

  /**
   * Pauses the generation from the next step until {@link #resume}, e.g. because its client reads
   * slowly. A paused sequence is the first to be preempted. Its timeout keeps running.
   */
  void pause();

  /** Resumes the generation. */
  void resume();
}
