package io.calm.tensor;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Resources of one owner, closed together in the reverse order of their opening. All are closed
 * even if closing one of them fails. Not thread safe.
 *
 * <p>A try statement over a new object closes what was opened if a later opening fails; {@link
 * #handOver} releases them to the caller.
 */
public final class Owned implements AutoCloseable {
  private Deque<Runnable> closings = new ArrayDeque<>();

  /** Adds an open resource, and returns it. */
  public <T> T add(T resource, Runnable close) {
    closings.push(close);
    return resource;
  }

  /** Returns another owner of all resources; closing this one has no effect on them any more. */
  public Owned handOver() {
    Owned next = new Owned();
    next.closings = closings;
    closings = new ArrayDeque<>();
    return next;
  }

  @Override
  public void close() {
    if (closings.isEmpty()) {
      return;
    }
    Runnable last = closings.pop();
    try {
      last.run();
    } finally {
      close();
    }
  }
}
