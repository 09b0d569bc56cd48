package io.calm.compare;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * One run of the probe over all kinds of steps, on several openings of both plans. A run that was
 * stopped continues where it ended: the steps of a kind that was cut off are lost, all others kept.
 * Both plans are read once, and their files stay open until the run is complete or closed.
 */
final class ProbeRun implements AutoCloseable {
  private static final double NANOS_PER_SECOND = 1e9;

  private final Openings openings;
  private final PairedSteps.Limits limits;
  private final LongSupplier nanoClock;
  private final Map<StepShape, List<PairedTimes>> times = new LinkedHashMap<>();
  private final Set<StepShape> tooSlow = new HashSet<>();
  private Optional<TwinSource.Plans> plans = Optional.empty();
  private long nanos; // of all parts of the run
  private long mark; // clock reading up to which nanos counts

  /**
   * Creates a run.
   *
   * @param limits limits of a kind of step in one opening
   */
  ProbeRun(Openings openings, PairedSteps.Limits limits, LongSupplier nanoClock) {
    this.openings = openings;
    this.limits = limits;
    this.nanoClock = nanoClock;
    StepShape.PROBED.forEach(shape -> times.put(shape, new ArrayList<>()));
  }

  /**
   * Measures and returns whether the run was stopped. The plan that is opened first alternates.
   *
   * @param source reads both plans
   * @param busy asked before every step and while both plans are opened; true stops the run
   * @param listener receives the rows so far after each kind of step
   */
  boolean measure(
      Supplier<TwinSource.Plans> source, BooleanSupplier busy, Consumer<List<ProbeRow>> listener) {
    mark = nanoClock.getAsLong();
    boolean stopped = false;
    try {
      for (int opening = 0; opening < openings.max(); opening++) {
        List<StepShape> missing = missing(opening);
        if (!missing.isEmpty()) {
          open(opening, missing, source, busy, listener);
        }
      }
    } catch (StoppedException e) {
      stopped = true;
    } finally {
      countTime();
      if (!stopped) {
        close();
      }
    }
    return stopped;
  }

  /** Closes the files of both plans. A run that continues reads them again. */
  @Override
  public void close() {
    plans.ifPresent(TwinSource.Plans::close);
    plans = Optional.empty();
  }

  private void countTime() {
    long now = nanoClock.getAsLong();
    nanos += now - mark;
    mark = now;
  }

  /** Measures on one opening. */
  private void open(
      int opening,
      List<StepShape> missing,
      Supplier<TwinSource.Plans> source,
      BooleanSupplier busy,
      Consumer<List<ProbeRow>> listener) {
    StoppedException.throwIf(busy); // reading and opening both plans take time too
    TwinSource.Plans both = plans.orElseGet(source);
    plans = Optional.of(both);
    StoppedException.throwIf(busy);
    try (TwinSource.PairedDecoders decoders =
        both.open(StepShape.PROBED, opening % 2 == 1, () -> StoppedException.throwIf(busy))) {
      PairedSteps steps =
          new PairedSteps(decoders.served(), decoders.uniform(), nanoClock, opening);
      for (StepShape shape : missing) {
        PairedSteps.Outcome outcome = steps.measure(shape, limits, busy);
        if (outcome.stopped()) {
          throw new StoppedException(); // its steps are too few to tell anything
        }
        outcome.times().ifPresentOrElse(of(shape)::add, () -> tooSlow.add(shape));
        countTime();
        listener.accept(rows());
      }
    }
  }

  /** Returns the kinds of steps without times of an opening that they need. */
  private List<StepShape> missing(int opening) {
    return StepShape.PROBED.stream()
        .filter(shape -> of(shape).size() <= opening && !isComplete(shape))
        .toList();
  }

  private boolean isComplete(StepShape shape) {
    return tooSlow.contains(shape) || openings.enough(of(shape));
  }

  private List<PairedTimes> of(StepShape shape) {
    return times.getOrDefault(shape, List.of());
  }

  /** Returns the time that the run has taken, without the times in which it was stopped. */
  double seconds() {
    return nanos / NANOS_PER_SECOND;
  }

  /** Returns why the result of a complete run lacks something; empty if it does not. */
  String whyIncomplete() {
    if (rows().size() < StepShape.PROBED.size()) {
      return "some kinds of steps are missing: too slow to measure in time";
    }
    return tooSlow.isEmpty()
        ? ""
        : "some kinds of steps have fewer openings: too slow to measure in time";
  }

  /**
   * Returns the rows of a run, and those of an earlier one that it has not measured yet.
   *
   * @param openings number of openings from which a row replaces an earlier one
   */
  static List<ProbeRow> replaced(List<ProbeRow> earlier, List<ProbeRow> rows, int openings) {
    List<ProbeRow> all = new ArrayList<>();
    for (ProbeRow row : rows) {
      if (row.openings() >= openings || earlier.stream().noneMatch(e -> isSameKind(e, row))) {
        all.add(row);
      }
    }
    for (ProbeRow row : earlier) {
      if (all.stream().noneMatch(r -> isSameKind(r, row))) {
        all.add(row);
      }
    }
    return all;
  }

  private static boolean isSameKind(ProbeRow one, ProbeRow other) {
    return one.phase() == other.phase() && one.sequences() == other.sequences();
  }

  /** Returns the rows so far. */
  List<ProbeRow> rows() {
    return times.values().stream().filter(row -> !row.isEmpty()).map(ProbeRow::of).toList();
  }
}
