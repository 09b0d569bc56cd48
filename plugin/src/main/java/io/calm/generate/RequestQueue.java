package io.calm.generate;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * The queue of waiting requests, first come first served, and the signal that wakes the scheduler's
 * thread. Thread safe.
 *
 * <p>Paused requests take no place from others: at most {@code maxRunning + queueSize} requests may
 * run or wait, and at most twice as many may be accepted. The second limit bounds the memory of
 * those whose clients do not read.
 */
final class RequestQueue {
  private static final long FOREVER = Long.MAX_VALUE / 2;

  private final SchedulerSettings settings;
  private final Deque<Submission> waiting = new ArrayDeque<>();
  private final Set<Submission> started = new HashSet<>();
  private long arrivals;
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

  /** Adds all requests or none. */
  synchronized void add(List<Submission> submissions) {
    if (failure.isPresent()) {
      throw new RejectedException(
          RejectedException.Reason.FAILED,
          "the model's scheduler has failed (%s); load the model again".formatted(failure.get()));
    }
    if (state != State.OPEN) {
      throw new RejectedException(RejectedException.Reason.CLOSED, "the model is being unloaded");
    }
    int max = settings.maxRunning() + settings.queueSize();
    if (submissions.size() > max) {
      throw new RejectedException(
          RejectedException.Reason.TOO_MANY,
          "expected at most %d sequences in one request, got %d; send several requests"
              .formatted(max, submissions.size()));
    }
    int accepted = started.size() + waiting.size();
    int startedToRun = unpaused(started);
    int waitingToRun = unpaused(waiting);
    int toRun = startedToRun + waitingToRun;
    if (toRun + submissions.size() > max) {
      throw new RejectedException(
          RejectedException.Reason.QUEUE_FULL,
          "the queue is full: %d running, %d waiting, %d allowed; try again later"
              .formatted(startedToRun, waitingToRun, max));
    }
    if (accepted + submissions.size() > 2 * max) {
      throw new RejectedException(
          RejectedException.Reason.QUEUE_FULL,
          ("the queue is full: %d paused because their clients do not read, %d running or waiting,"
                  + " %d allowed in all; try again later")
              .formatted(accepted - toRun, toRun, 2 * max));
    }
    for (Submission submission : submissions) {
      submission.arrived(arrivals++);
      waiting.add(submission);
    }
    signal();
  }

  private static int unpaused(Collection<Submission> submissions) {
    return (int) submissions.stream().filter(submission -> !submission.paused()).count();
  }

  /** Returns the first request that is not paused. */
  synchronized Optional<Submission> first() {
    return waiting.stream().filter(submission -> !submission.paused()).findFirst();
  }

  /** Removes a request, which counts as started until {@link #ended}. */
  synchronized void start(Submission submission) {
    waiting.remove(submission);
    started.add(submission);
  }

  synchronized void ended(Submission submission) {
    started.remove(submission);
  }

  /** Removes the waiting requests that match; all of them if the queue is closed. */
  synchronized List<Submission> takeIf(Predicate<Submission> condition) {
    List<Submission> taken = new ArrayList<>();
    for (Iterator<Submission> all = waiting.iterator(); all.hasNext(); ) {
      Submission submission = all.next();
      if (state == State.CLOSED || condition.test(submission)) {
        all.remove();
        taken.add(submission);
      }
    }
    return taken;
  }

  /** Returns the time until the first deadline of a waiting request. */
  synchronized OptionalLong nanosToDeadline() {
    return waiting.stream().map(Submission::nanosLeft).flatMapToLong(OptionalLong::stream).min();
  }

  /** Wakes the scheduler's thread after a change that it must process between steps. */
  synchronized void signal() {
    signalled = true;
    notifyAll();
  }

  /**
   * Waits until there may be work.
   *
   * @param nanos maximum time to wait; empty for no limit
   * @return false if the scheduler must end
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
    return state == State.CLOSED
        || (state == State.DRAINING && started.isEmpty() && waiting.isEmpty());
  }

  /** Rejects new requests; the scheduler ends after the last accepted one. */
  synchronized void drain() {
    if (state == State.OPEN) {
      state = State.DRAINING;
    }
    signal();
  }

  /** Rejects new requests; the scheduler ends before its next step. */
  synchronized void close() {
    state = State.CLOSED;
    signal();
  }

  /** Closes the queue after a failure, which {@link #add} then reports. */
  synchronized void fail(String why) {
    failure = Optional.of(why);
    close();
  }

  synchronized int waiting() {
    return waiting.size();
  }

  /** Returns the statistics of started requests with the waiting ones added. */
  synchronized SchedulerStats withWaiting(SchedulerStats stats) {
    int toRun = unpaused(waiting);
    return stats.withWaiting(toRun, waiting.size() - toRun);
  }

  /** Returns the number of requests that have started and not ended. */
  synchronized int started() {
    return started.size();
  }
}
