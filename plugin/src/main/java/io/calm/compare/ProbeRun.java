package io.calm.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** One run of the probe over all kinds of steps that have no row yet. */
final class ProbeRun {
  private final PairedSteps.Limits limits;
  private final BooleanSupplier busy;
  private final List<ProbeRow> rows;

  /**
   * Creates a run.
   *
   * @param kept rows of an earlier run that was stopped
   * @param busy asked before every step; true stops the run
   */
  ProbeRun(List<ProbeRow> kept, PairedSteps.Limits limits, BooleanSupplier busy) {
    this.rows = new ArrayList<>(kept);
    this.limits = limits;
    this.busy = busy;
  }

  /**
   * Measures and returns whether the run was stopped. A kind of step that was cut off has no row.
   *
   * @param listener receives the rows so far after each new one
   */
  boolean measure(PairedSteps steps, Consumer<List<ProbeRow>> listener) {
    for (StepShape shape : StepShape.PROBED) {
      if (has(shape)) {
        continue;
      }
      PairedSteps.Outcome outcome = steps.measure(shape, limits, busy);
      if (outcome.stopped()) {
        return true; // its steps are too few to tell anything
      }
      outcome.row().ifPresent(rows::add);
      listener.accept(rows());
    }
    return false;
  }

  private boolean has(StepShape shape) {
    return rows.stream()
        .anyMatch(r -> r.phase() == shape.phase() && r.sequences() == shape.sequences());
  }

  /** Returns the rows of a run, and those of an earlier one that it has not measured yet. */
  static List<ProbeRow> replaced(List<ProbeRow> earlier, List<ProbeRow> rows) {
    List<ProbeRow> all = new ArrayList<>(rows);
    for (ProbeRow row : earlier) {
      if (rows.stream().noneMatch(r -> isSameKind(r, row))) {
        all.add(row);
      }
    }
    return all;
  }

  private static boolean isSameKind(ProbeRow one, ProbeRow other) {
    return one.phase() == other.phase() && one.sequences() == other.sequences();
  }

  /** Returns the rows, those of the earlier run included. */
  List<ProbeRow> rows() {
    return List.copyOf(rows);
  }
}
