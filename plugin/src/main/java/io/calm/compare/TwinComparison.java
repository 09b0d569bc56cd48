package io.calm.compare;

import io.calm.generate.RejectedException;
import io.calm.generate.Scheduler;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The comparison of a served model with its uniform twin, for as long as the model is loaded. One
 * background thread makes and opens the twin and runs the probe. Thread safe.
 *
 * <p>A failure of the twin or of the probe never concerns the model: its requests go to the served
 * plan, and {@link #report} has the reason.
 */
public final class TwinComparison implements AutoCloseable {
  private static final Logger logger = LoggerFactory.getLogger(TwinComparison.class);
  private static final long LOOK_MILLIS = 100;

  private final ComparedModel subject;
  private final ComparisonOptions options;
  private final PairedProbe probe;
  private final ProbeTurn turn;
  private final ShadowShare shadow;
  private final ComparedTwin twin;
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile BooleanSupplier busy = () -> false;
  private @Nullable Thread thread;
  private boolean requested;
  private volatile boolean closed;

  private TwinComparison(
      ComparedModel subject,
      ComparisonOptions options,
      TwinSource source,
      Supplier<LatencyReport.Twin> description,
      Optional<ProbeStore> store) {
    this.subject = subject;
    this.options = options;
    this.probe = new PairedProbe(subject, options, store);
    this.shadow = new ShadowShare(options.share());
    this.turn = new ProbeTurn(() -> this.busy.getAsBoolean() || shadow.busy());
    this.twin = new ComparedTwin(subject.model(), source, description, shadow, () -> this.closed);
  }

  /** Returns the comparison of a model without a twin, which only measures its requests. */
  public static TwinComparison none() {
    return new TwinComparison(
        new ComparedModel("", "", "", Optional.empty(), 0, ""),
        ComparisonOptions.serving(false, 0),
        TwinSource.NONE,
        TwinSource.NONE::describe,
        Optional.empty());
  }

  /**
   * Prepares the comparison of a model that is being loaded: describes the twin and reads the
   * stored result. It starts with {@link #begin}.
   *
   * @param description {@link TwinSource#describe}, or the same from files that are open
   */
  public static TwinComparison prepare(
      ComparedModel subject,
      ComparisonOptions options,
      TwinSource source,
      Supplier<LatencyReport.Twin> description,
      Optional<ProbeStore> store) {
    TwinComparison comparison = new TwinComparison(subject, options, source, description, store);
    if (!comparison.twin.variant().isEmpty()) {
      comparison.probe.restore(comparison.twin.variant());
    }
    return comparison;
  }

  /**
   * Starts the comparison of a model that is about to serve, and returns it.
   *
   * @param hasWork returns whether the processor is needed: by requests, running or queued, of the
   *     model, or by a search
   */
  public TwinComparison begin(BooleanSupplier hasWork) {
    busy = hasWork;
    turn.enter();
    if (!twin.variant().isEmpty() && (options.share() > 0 || autoWanted())) {
      startThread();
    }
    return this;
  }

  /** Returns the requests of both plans and the choice of the plan for the next one. */
  public ShadowShare shadow() {
    return shadow;
  }

  /**
   * Asks for a probe as soon as the model is idle. Makes the twin first if it is missing.
   *
   * @throws IllegalStateException if there is no twin to compare with; the message has the reason
   * @throws RejectedException if the model is being unloaded
   */
  public synchronized void requestProbe() {
    if (closed) {
      throw new RejectedException(RejectedException.Reason.CLOSED, "the model is being unloaded");
    }
    if (twin.variant().isEmpty()) {
      throw new IllegalStateException(twin.state().reason());
    }
    requested = true;
    probe.requested();
    startThread();
    notifyAll();
  }

  /** Returns the state and the measurements so far. */
  public LatencyReport report(String model, String variant) {
    return new LatencyReport(
        model,
        variant,
        subject.artifact(),
        twin.state(),
        subject.machine(),
        probe.state(),
        shadow.summary());
  }

  /** Returns the rows of the last probe, which are few to read. */
  public List<ProbeRow> rows() {
    return probe.state().rows();
  }

  /** Returns the variant of the twin; empty if there is none. */
  public String twinVariant() {
    return twin.variant();
  }

  /** Refuses new requests to the twin, ends the probe, and lets the twin's requests end. */
  public void drain() {
    shadow.drain();
    stop();
  }

  /** Cancels the requests of the twin and ends the probe, without waiting. */
  @Override
  public void close() {
    shadow.close();
    stop();
    turn.leave();
  }

  private synchronized void stop() {
    closed = true;
    notifyAll();
  }

  /**
   * Waits until the memory of the comparison is freed; returns false if the timeout elapses. Called
   * once the requests of the model have ended: until then they stop the probes of other models. A
   * twin that is being made is not waited for: like a cancelled load it ends at its next step, and
   * nothing incomplete is published. Files that are being verified are not waited for either: they
   * are closed when that ends.
   */
  public boolean awaitClosed(Duration timeout) throws InterruptedException {
    long start = System.nanoTime();
    boolean idle;
    synchronized (this) {
      idle = thread == null;
    }
    boolean freed = // the thread first: it may just have started the twin's scheduler
        idle
            || (awaitThread(start, timeout)
                && shadow.awaitClosed(timeout.minusNanos(System.nanoTime() - start)));
    if (freed) {
      turn.leave();
    }
    return freed;
  }

  private boolean awaitThread(long start, Duration timeout) throws InterruptedException {
    while (!ended.await(LOOK_MILLIS, TimeUnit.MILLISECONDS) && !twin.isReading()) {
      if (System.nanoTime() - start >= timeout.toNanos()) {
        return false;
      }
    }
    return true;
  }

  private synchronized void startThread() {
    if (thread == null && !closed) {
      Thread started = new Thread(this::run, "calm-compare-" + subject.model());
      started.setDaemon(true);
      try {
        started.start();
        thread = started;
      } catch (OutOfMemoryError e) { // no thread
        twin.failed(e);
        requested = false;
        probe.failed(e);
      }
    }
  }

  private void run() {
    try {
      if (options.share() > 0) {
        share();
      }
      while (awaitWanted()) {
        compare();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      probe.close();
      ended.countDown();
    }
  }

  /** Makes the twin if it is missing, and lets it answer its share of the requests. */
  private void share() {
    try {
      twin.make();
    } catch (RuntimeException | Error e) {
      logger.debug(
          "{}: its uniform twin has failed", subject.model(), e); // the report has the reason
    }
  }

  private boolean autoWanted() {
    return twin.isReady() && probe.isDue();
  }

  /** Waits until a probe is wanted; returns false if the model is closed. */
  private synchronized boolean awaitWanted() throws InterruptedException {
    while (!closed && !requested && !autoWanted()) {
      wait();
    }
    return !closed;
  }

  private synchronized boolean takeRequest() {
    boolean was = requested;
    requested = false;
    return was;
  }

  private void compare() throws InterruptedException {
    try {
      boolean asked = takeRequest();
      if (asked) {
        twin.make();
      } else {
        probe.waiting();
      }
      try (ProbeTurn.Held held = awaitTurn(asked)) {
        if (held.taken()) {
          probe.measure(twin::read, twin.variant(), turn::busy, () -> closed);
        }
      }
    } catch (RuntimeException | Error e) {
      probe.failed(e);
      probe.close();
      logger.info("{}: no latency against uniform: {}", subject.model(), ComparedTwin.reason(e));
    }
  }

  /** Waits until no model of the process has had a request for some time, and no probe runs. */
  private ProbeTurn.Held awaitTurn(boolean asked) throws InterruptedException {
    Duration idle = asked ? Duration.ofMillis(LOOK_MILLIS) : options.idle();
    long since = System.nanoTime();
    while (!closed) {
      if (turn.busy()) {
        since = System.nanoTime();
      } else if (System.nanoTime() - since >= idle.toNanos()) {
        ProbeTurn.Held held = turn.take();
        if (held.taken()) {
          return held;
        }
      }
      synchronized (this) {
        if (!closed) {
          wait(LOOK_MILLIS);
        }
        if (requested) { // while it waited by itself
          requested = false;
          idle = Duration.ofMillis(LOOK_MILLIS);
        }
      }
    }
    return ProbeTurn.Held.NONE;
  }

  /** Returns whether a scheduler has requests, running or queued. */
  public static boolean isBusy(Scheduler scheduler) {
    return ShadowShare.isBusy(scheduler);
  }
}
