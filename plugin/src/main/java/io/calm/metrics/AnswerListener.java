package io.calm.metrics;

import java.time.Duration;

/**
 * A receiver of the events of a model's generations, beside the meters. It is called on the thread
 * of the scheduler, so it must neither wait nor throw.
 */
public interface AnswerListener {
  /** A token was generated. */
  void token();

  /**
   * A generation has ended.
   *
   * @param outcome as in the label of {@code calm_requests_total}
   * @param running time since its first step
   */
  void finished(String outcome, int generated, Duration running);
}
