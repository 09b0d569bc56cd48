package io.calm.generate;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/** Requests that wait, first come first served. Thread safe. */
final class RequestQueue {
  private final SchedulerSettings settings;
  private final Deque<Ticket> waiting = new ArrayDeque<>();
  private int running;
  private boolean closed;

  RequestQueue(SchedulerSettings settings) {
    this.settings = settings;
  }

  /** Adds all or none. */
  synchronized void add(List<Ticket> tickets) {
    if (closed) {
      throw new RejectedException(RejectedException.Reason.CLOSED, "the model is being unloaded");
    }
    int most = settings.maxRunning() + settings.queueSize();
    if (tickets.size() > most) {
      throw new RejectedException(
          RejectedException.Reason.TOO_MANY,
          "expected at most %d sequences in one request, got %d; send several requests"
              .formatted(most, tickets.size()));
    }
    if (running + waiting.size() + tickets.size() > most) {
      throw new RejectedException(
          RejectedException.Reason.QUEUE_FULL,
          "the queue is full: %d running, %d waiting, %d allowed; try again later"
              .formatted(running, waiting.size(), most));
    }
    waiting.addAll(tickets);
    notifyAll();
  }

  /** Takes the first request if it fits: it then counts as running until {@link #ended}. */
  synchronized Optional<Ticket> poll(int freeKvTokens) {
    Ticket first = waiting.peek();
    if (first == null
        || running >= settings.maxRunning()
        || first.request().capacity() > freeKvTokens) {
      return Optional.empty();
    }
    waiting.remove();
    running++;
    return Optional.of(first);
  }

  synchronized void ended() {
    running--;
  }

  /** Takes out the requests that were cancelled, or all of them once closed. */
  synchronized List<Ticket> takeCancelled() {
    List<Ticket> taken = new ArrayList<>();
    for (Iterator<Ticket> all = waiting.iterator(); all.hasNext(); ) {
      Ticket ticket = all.next();
      if (closed || ticket.cancelled()) {
        all.remove();
        taken.add(ticket);
      }
    }
    return taken;
  }

  /** Waits until there is something to do; returns false once closed. */
  synchronized boolean awaitWork() throws InterruptedException {
    while (!closed && running == 0 && waiting.isEmpty()) {
      wait();
    }
    return !closed;
  }

  synchronized void close() {
    closed = true;
    notifyAll();
  }

  synchronized int waiting() {
    return waiting.size();
  }

  synchronized int running() {
    return running;
  }
}
