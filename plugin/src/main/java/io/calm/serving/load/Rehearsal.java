package io.calm.serving.load;

import io.calm.serving.model.ServedModel;
import java.time.Duration;

/**
 * Requests to a model that is not ready yet, through the code that answers clients. They load and
 * compile that code, so that the first client does not wait for it.
 */
@FunctionalInterface
public interface Rehearsal {

  /** No requests. */
  Rehearsal NONE = (model, limit) -> {};

  /**
   * Sends the requests on this thread and waits for their answers. Leaves nothing running but
   * requests, which the model's request timeout ends.
   *
   * @param model view of the model with a scheduler that ends after the rehearsal
   * @param limit maximum time
   */
  void run(ServedModel model, Duration limit);
}
