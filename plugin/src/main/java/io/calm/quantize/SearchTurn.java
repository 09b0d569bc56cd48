package io.calm.quantize;

import io.calm.search.Progress;
import io.calm.tensor.Owned;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * The right to search. Searches of a process run one at a time, in the order of their requests,
 * because each of them uses all processors and a working set of memory. Models whose artifact
 * exists load meanwhile.
 */
final class SearchTurn implements AutoCloseable {
  /** Time between two steps of progress. */
  private static final long REPORT_NANOS = 500_000_000;

  private static final ReentrantLock LOCK = new ReentrantLock();
  private static final Condition MOVED = LOCK.newCondition();

  /** The search that runs, and behind it those that wait. */
  private static final Deque<SearchTurn> TURNS = new ArrayDeque<>();

  private SearchTurn() {}

  /**
   * Waits for the turn.
   *
   * @param progress receives a step while it waits; an exception that it throws ends the wait
   */
  static SearchTurn take(Consumer<Progress> progress) {
    SearchTurn turn = new SearchTurn();
    try (Owned waiting = new Owned()) {
      waiting.add(turn, turn::close);
      turn.enter();
      while (!turn.awaitFirst()) {
        progress.accept(new Progress.Step(Progress.Kind.WAITING_FOR_TURN));
      }
      waiting.handOver();
      return turn;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(
          "interrupted while waiting for the search of another model", e);
    }
  }

  /** Returns whether a search runs. */
  static boolean isTaken() {
    LOCK.lock();
    try {
      return !TURNS.isEmpty();
    } finally {
      LOCK.unlock();
    }
  }

  private void enter() {
    LOCK.lock();
    try {
      TURNS.add(this);
    } finally {
      LOCK.unlock();
    }
  }

  /** Waits until this turn is the first, or for the time between two steps of progress. */
  private boolean awaitFirst() throws InterruptedException {
    LOCK.lockInterruptibly();
    try {
      long left = REPORT_NANOS;
      while (TURNS.peek() != this && left > 0) {
        left = MOVED.awaitNanos(left);
      }
      return TURNS.peek() == this;
    } finally {
      LOCK.unlock();
    }
  }

  @Override
  public void close() {
    LOCK.lock();
    try {
      TURNS.remove(this);
      MOVED.signalAll();
    } finally {
      LOCK.unlock();
    }
  }
}
