package io.calm.compare;

import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerStats;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The share of a model's requests that its uniform twin answers. Request n goes to the twin if n
 * times the share passes a whole number, so the choice is the same in every run. Thread safe.
 */
public final class ShadowShare {
  private static final Logger logger = LoggerFactory.getLogger(ShadowShare.class);

  private final double share;
  private final AtomicLong requests = new AtomicLong();
  private final RequestLatencies served = new RequestLatencies();
  private final RequestLatencies uniform = new RequestLatencies();
  private Optional<Twin> twin = Optional.empty();
  private boolean closed;

  ShadowShare(double share) {
    this.share = share;
  }

  /** A running twin. */
  public record Twin(String variant, Scheduler scheduler) {
    public boolean answers() {
      return scheduler.failure().isEmpty() && !scheduler.ended();
    }

    /** Returns the requests and counters; of a twin that has ended, the counters alone. */
    public SchedulerStats stats() {
      SchedulerStats stats = scheduler.stats();
      return answers() ? stats : stats.counters();
    }
  }

  double share() {
    return share;
  }

  /** Returns the latencies of the served plan. */
  public RequestLatencies served() {
    return served;
  }

  /** Returns the latencies of the twin. */
  public RequestLatencies uniform() {
    return uniform;
  }

  /** Returns the twin if it is running. */
  public synchronized Optional<Twin> twin() {
    return closed ? Optional.empty() : twin.filter(Twin::answers);
  }

  /** Returns the twin if one was started, also after its end. */
  public synchronized Optional<Twin> started() {
    return twin;
  }

  /** Returns the twin if it answers the next request; empty: the served plan does. */
  public Optional<Twin> next() {
    if (share == 0) {
      return Optional.empty();
    }
    Optional<Twin> running = twin();
    if (running.isEmpty()) {
      return running;
    }
    long number = requests.getAndIncrement();
    boolean taken = Math.floor((number + 1) * share) > Math.floor(number * share);
    return taken ? running : Optional.empty();
  }

  /** Returns why the twin no longer answers; empty if it does or was never started. */
  synchronized Optional<Throwable> failure() {
    return twin.flatMap(running -> running.scheduler().failure());
  }

  synchronized boolean busy() {
    return twin.filter(running -> isBusy(running.scheduler())).isPresent();
  }

  static boolean isBusy(Scheduler scheduler) {
    return scheduler.running() > 0 || scheduler.waiting() > 0;
  }

  /** Starts to use a twin; closes it if the model has been closed meanwhile. */
  synchronized void start(Twin started) {
    twin = Optional.of(started);
    if (closed) {
      started.scheduler().close();
    }
  }

  /** Refuses new requests to the twin and lets those in flight end. */
  synchronized void drain() {
    closed = true;
    twin.ifPresent(running -> running.scheduler().drain());
  }

  /** Cancels the requests of the twin. */
  synchronized void close() {
    closed = true;
    twin.ifPresent(running -> running.scheduler().close());
  }

  boolean awaitClosed(Duration timeout) throws InterruptedException {
    Optional<Twin> running;
    synchronized (this) {
      running = twin;
    }
    return running.isEmpty() || running.get().scheduler().awaitClosed(timeout);
  }

  /** Reports that the twin refused a request, which the served plan answers instead. */
  public void refused(RuntimeException reason) {
    logger.debug("the uniform twin refused a request, the model answers it: {}", reason.toString());
  }

  LatencyReport.Shadow summary() {
    return new LatencyReport.Shadow(share, served.summary(), uniform.summary());
  }
}
