package io.calm.compare;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;

/**
 * The right to probe. At most one probe of a process runs at a time, and only while no compared
 * model has requests, because all of them share the processor.
 */
final class ProbeTurn {
  private static final Semaphore TURN = new Semaphore(1);
  private static final Set<ProbeTurn> LOADED = ConcurrentHashMap.newKeySet();

  private final BooleanSupplier busy;

  ProbeTurn(BooleanSupplier busy) {
    this.busy = busy;
  }

  /** A turn, or its absence. */
  record Held(boolean taken) implements AutoCloseable {
    static final Held NONE = new Held(false);

    @Override
    public void close() {
      if (taken) {
        TURN.release();
      }
    }
  }

  /** Counts the model among those whose requests stop a probe. */
  void enter() {
    LOADED.add(this);
  }

  /** Ends {@link #enter}. */
  void leave() {
    LOADED.remove(this);
  }

  /** Returns whether any compared model of the process has requests. */
  boolean busy() {
    return LOADED.stream().anyMatch(turn -> turn.busy.getAsBoolean());
  }

  /** Takes the turn if no other probe runs. */
  Held take() {
    return TURN.tryAcquire() ? new Held(true) : Held.NONE;
  }
}
