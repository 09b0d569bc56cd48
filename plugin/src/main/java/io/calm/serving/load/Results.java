package io.calm.serving.load;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** Results of tasks on other threads that throw no checked exceptions. */
public final class Results {
  private Results() {}

  /**
   * Waits for a task and returns its result, or throws its exception.
   *
   * @throws InterruptedException if this thread is interrupted; the task continues
   */
  public static <T> T await(Future<T> task) throws InterruptedException {
    try {
      return task.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw new IllegalStateException(e); // such a task throws nothing else
    }
  }
}
