package io.calm.host;

import java.util.concurrent.atomic.AtomicLong;

/** The bytes that the bodies of all requests under way may hold together. Thread safe. */
final class BodyBudget {
  private final long most;
  private final AtomicLong taken = new AtomicLong();

  BodyBudget(long most) {
    this.most = most;
  }

  long most() {
    return most;
  }

  /** Takes {@code bytes} and returns true, or takes none. */
  boolean take(long bytes) {
    if (taken.addAndGet(bytes) <= most) {
      return true;
    }
    taken.addAndGet(-bytes);
    return false;
  }

  void give(long bytes) {
    taken.addAndGet(-bytes);
  }
}
