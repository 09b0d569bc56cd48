package io.calm.generate;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** Requests that wait, first come first served, and what wakes the loop. Thread safe. */
final class RequestQueue {
  private static final long FOREVER = Long.MAX_VALUE / 2;

  private final SchedulerSettings settings;
  private final Deque<Ticket> waiting = new ArrayDeque<>();
  private long arrivals;
  private int started;
  private boolean signalled;
  private State state = State.OPEN;
  private Optional<String> failure = Optional.empty();

  private enum State {
    OPEN,
    DRAINING,
    CLOSED
  }

  RequestQueue(SchedulerSettings settings) {
    this.settings = settings;
  }

  /** Adds all or none. */
  synchronized void add(List<Ticket> tickets) {
    if (failure.isPresent()) {
      throw new RejectedException(
          RejectedException.Reason.FAILED,
          "the model's loop has died (%s); load the model again".formatted(failure.get()));
    }
    if (state != State.OPEN) {
      throw new RejectedException(RejectedException.Reason.CLOSED, "the model is being unloaded");
    }
    int most = settings.maxRunning() + settings.queueSize();
    if (tickets.size() > most) {
      throw new RejectedException(
          RejectedException.Reason.TOO_MANY,
          "expected at most %d sequences in one request, got %d; send several requests"
              .formatted(most, tickets.size()));
    }
    if (started + waiting.size() + tickets.size() > most) {
      throw new RejectedException(
          RejectedException.Reason.QUEUE_FULL,
          "the queue is full: %d running, %d waiting, %d allowed; try again later"
              .formatted(started, waiting.size(), most));
    }
    for (Ticket ticket : tickets) {
      ticket.arrived(arrivals++);
      waiting.add(ticket);
    }
    signal();
  }

  /** Returns the first request that is not paused. */
  synchronized Optional<Ticket> first() {
    return waiting.stream().filter(ticket -> !ticket.paused()).findFirst();
  }

  /** Takes a request out: it counts as started until {@link #ended}. */
  synchronized void start(Ticket ticket) {
    waiting.remove(ticket);
    started++;
  }

  synchronized void ended() {
    started--;
  }

  /** Takes out the requests that are over before they started; all of them once closed. */
  synchronized List<Ticket> takeIf(Predicate<Ticket> over) {
    List<Ticket> taken = new ArrayList<>();
    for (Iterator<Ticket> all = waiting.iterator(); all.hasNext(); ) {
      Ticket ticket = all.next();
      if (state == State.CLOSED || over.test(ticket)) {
        all.remove();
        taken.add(ticket);
      }
    }
    return taken;
  }

  /** Returns how long the first deadline of those that wait is away. */
  synchronized OptionalLong nanosToDeadline() {
    return waiting.stream().map(Ticket::nanosLeft).flatMapToLong(OptionalLong::stream).min();
  }

  /** Wakes the loop: something has changed that it looks at between steps. */
  synchronized void signal() {
    signalled = true;
    notifyAll();
  }

  /**
   * Waits until there may be something to do.
   *
   * @param nanos longest time
   * @return whether the loop goes on
   */
  synchronized boolean await(OptionalLong nanos) throws InterruptedException {
    long end = System.nanoTime() + nanos.orElse(FOREVER);
    for (long left = end - System.nanoTime();
        left > 0 && !signalled && !over();
        left = end - System.nanoTime()) {
      wait(TimeUnit.NANOSECONDS.toMillis(left) + 1);
    }
    signalled = false;
    return !over();
  }

  private boolean over() {
    return state == State.CLOSED || (state == State.DRAINING && started == 0 && waiting.isEmpty());
  }

  /** Takes no more; the loop ends with the last request. */
  synchronized void drain() {
    if (state == State.OPEN) {
      state = State.DRAINING;
    }
    signal();
  }

  /** Takes no more; the loop ends before its next step. */
  synchronized void close() {
    state = State.CLOSED;
    signal();
  }

  /** Takes no more, saying why. */
  synchronized void fail(String why) {
    failure = Optional.of(why);
    close();
  }

  synchronized int waiting() {
    return waiting.size();
  }

  /** Returns the requests that have started and not ended. */
  synchronized int started() {
    return started;
  }
}
