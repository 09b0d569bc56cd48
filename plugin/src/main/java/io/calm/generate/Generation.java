package io.calm.generate;

/**
 * A submitted request. Any thread may call these; none waits, and none has an effect at the end.
 */
public interface Generation {

  /** Asks the scheduler to end this generation before its next step. */
  void cancel();

  /**
   * Asks the scheduler to make no tokens from its next step on until {@link #resume}: the reader
   * does not keep up. The generation keeps its keys and values as long as nobody else needs them,
   * and its deadline goes on.
   */
  void pause();

  /** Lets the generation go on. */
  void resume();
}
