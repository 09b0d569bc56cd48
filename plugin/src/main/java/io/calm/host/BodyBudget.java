package io.calm.host;

import java.util.concurrent.atomic.AtomicLong;

/** The bytes that the bodies of all requests, or of all answers, may hold together. Thread safe. */
final class BodyBudget {
  private final long most;
  private final AtomicLong taken = new AtomicLong();

  BodyBudget(long most) {
    this.most = most;
  }

  long most() {
    return most;
  }

  /** Returns whether so much is taken that no new answer should begin. */
  boolean isHalfTaken() {
    return taken.get() > most / 2;
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
