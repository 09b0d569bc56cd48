package io.calm.compare;

import io.calm.compare.LatencyReport.Probe;
import io.calm.compare.LatencyReport.ProbeState;
import io.calm.kernels.BuildInfo;
import io.calm.text.Urls;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The paired probe of a model: its state, its result, and the run that was stopped. One thread
 * measures; the state may be read on any.
 */
final class PairedProbe implements AutoCloseable {
  private static final Logger logger = LoggerFactory.getLogger(PairedProbe.class);

  /** Half-width of an interval, in percent, that is as good as the target of the deviation. */
  private static final double NARROW = 0.3;

  private final ComparedModel subject;
  private final ComparisonOptions options;
  private final Optional<ProbeStore> store;
  private volatile Probe probe = Probe.NONE;
  private volatile boolean failed; // so that it does not run again by itself
  private Probe complete = Probe.NONE; // the last complete measurement
  private Optional<ProbeRun> unfinished = Optional.empty(); // a run that was stopped

  PairedProbe(ComparedModel subject, ComparisonOptions options, Optional<ProbeStore> store) {
    this.subject = subject;
    this.options = options;
    this.store = store;
  }

  /** Returns the state and the result so far. */
  Probe state() {
    return probe;
  }

  /** Loads the stored result, unless it was measured under other conditions. */
  void restore(String twin) {
    store
        .flatMap(results -> results.read(subject.artifact(), twin))
        .filter(result -> result.holdsFor(subject, version()))
        .ifPresent(
            result -> {
              complete =
                  new Probe(
                      isNarrow(result.rows()) ? ProbeState.DONE : ProbeState.NONE,
                      "",
                      Optional.of(result.finished()),
                      Optional.of(result.build()),
                      result.seconds(),
                      result.rows());
              probe = complete;
            });
  }

  /** Returns whether the intervals are narrow enough not to measure again at the next start. */
  private boolean isNarrow(List<ProbeRow> rows) {
    return rows.size() == StepShape.PROBED.size()
        && rows.stream()
            .allMatch(
                row ->
                    row.openings() >= options.openings().min()
                        && row.deviation().halfWidth() <= NARROW);
  }

  /** Returns whether the probe is to run without a request. */
  boolean isDue() {
    return options.auto()
        && (probe.state() == ProbeState.NONE || probe.state() == ProbeState.STOPPED)
        && !failed;
  }

  /** Records a request for a probe. */
  void requested() {
    failed = false;
    update(
        now ->
            now.state() == ProbeState.RUNNING
                ? now
                : now.with(ProbeState.WAITING, "until the model is idle"));
  }

  /** Records that the probe waits to run by itself. */
  void waiting() {
    update(
        now ->
            now.state() == ProbeState.NONE
                ? now.with(ProbeState.WAITING, "until the model has been idle for some time")
                : now);
  }

  /** Records a failure, after which the probe runs only on request. */
  void failed(Throwable reason) {
    failed = true;
    update(now -> now.with(ProbeState.STOPPED, ComparedTwin.reason(reason)));
  }

  /**
   * Measures on this thread until the run is complete or the processor is needed. Continues a run
   * that was stopped, also if it is asked for: on a model with requests none would ever be complete
   * otherwise.
   *
   * @param source reads both plans
   * @param twin variant of the twin
   * @param closed whether the model is being unloaded
   */
  void measure(
      Supplier<TwinSource.Plans> source,
      String twin,
      BooleanSupplier busy,
      BooleanSupplier closed) {
    update(now -> now.with(ProbeState.RUNNING, ""));
    ProbeRun run =
        unfinished.orElseGet(
            () -> new ProbeRun(options.openings(), options.limits(), options.nanoClock()));
    unfinished = Optional.of(run);
    boolean stopped =
        run.measure(
            source,
            () -> closed.getAsBoolean() || busy.getAsBoolean(),
            rows -> update(now -> incomplete(now.state(), now.reason(), run)));
    if (stopped) {
      String reason = whyStopped(closed.getAsBoolean());
      update(now -> incomplete(ProbeState.STOPPED, reason, run));
    } else {
      unfinished = Optional.empty();
      complete(run, twin);
    }
  }

  /** Closes the files of a run that was stopped; called by the thread that measures. */
  @Override
  public void close() {
    unfinished.ifPresent(ProbeRun::close);
  }

  /**
   * Returns a probe with the rows of a run that is not complete. Rows with too few openings are
   * shown only where the last complete measurement has none of that kind. The time of that
   * measurement is shown as long as all rows are its own.
   */
  private Probe incomplete(ProbeState state, String reason, ProbeRun run) {
    List<ProbeRow> rows = ProbeRun.replaced(complete.rows(), run.rows(), options.openings().min());
    return rows.equals(complete.rows()) && complete.finished().isPresent()
        ? complete.with(state, reason)
        : new Probe(state, reason, Optional.empty(), Optional.empty(), run.seconds(), rows);
  }

  /** Changes the state; a request may arrive while the probe runs. */
  private synchronized void update(UnaryOperator<Probe> change) {
    probe = change.apply(probe);
  }

  private void complete(ProbeRun run, String twin) {
    Instant now = Instant.now();
    ProbeResult result =
        new ProbeResult(
            subject.machine().orElseThrow(),
            subject.threads(),
            subject.weights(),
            version(),
            BuildInfo.current().commit(),
            now,
            run.seconds(),
            run.rows());
    store.ifPresent(results -> results.write(subject.artifact(), twin, result));
    log(run.rows(), twin);
    complete =
        new Probe(
            ProbeState.DONE,
            run.whyIncomplete(),
            Optional.of(now),
            Optional.of(result.build()),
            run.seconds(),
            run.rows());
    update(before -> complete);
  }

  private String whyStopped(boolean closed) {
    if (closed) {
      return "the model is being unloaded";
    }
    return options.auto()
        ? "a request or a search needed the processor; it continues after %d s without them"
            .formatted(Math.max(1, options.idle().toSeconds()))
        : "a request or a search needed the processor; POST /calm/models/%s/latency continues it"
            .formatted(Urls.segment(subject.model()));
  }

  private void log(List<ProbeRow> rows, String twin) {
    for (ProbeRow row : rows) {
      logger.info(
          "{}: {} of {}: {} against {}: {} % ({} to {} %)",
          subject.model(),
          row.phase().text(),
          row.sequences(),
          subject.variant(),
          twin,
          signed(row.deviation().percent()),
          signed(row.deviation().low()),
          signed(row.deviation().high()));
    }
  }

  private static String signed(double percent) {
    return Double.isFinite(percent) ? "%+.3f".formatted(percent) : "-";
  }

  private static String version() {
    return Optional.ofNullable(PairedProbe.class.getPackage().getImplementationVersion())
        .orElse("development");
  }
}
