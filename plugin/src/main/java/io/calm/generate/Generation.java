package io.calm.generate;

/** A submitted request. */
public interface Generation {

  /**
   * Asks the scheduler to end this generation before its next step; does not wait. Without effect
   * once it has finished. Any thread.
   */
  void cancel();
}
