package io.calm.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Measured steps of one kind and shape beside their predictions. Not thread safe. */
final class GrowthTable {
  /** Part of the table's median below which a value does not grow as the others do. */
  static final double LOW = 0.8;

  private final List<Cell> cells = new ArrayList<>();

  /**
   * One measured step.
   *
   * @param name in messages, e.g. {@code 8192x4}
   * @param rows tokens of the step
   * @param measured seconds
   */
  record Cell(String name, int rows, double measured, StepWork.Seconds predicted) {
    /** Returns the tokens per second. */
    double rate() {
      return rows / measured;
    }

    /** Returns the quotient of measured and predicted speed. */
    double ratio() {
      return predicted.sum() / measured;
    }

    /** Returns the same if memory and computation overlapped fully. */
    double overlapped() {
      return predicted.longer() / measured;
    }
  }

  void add(Cell cell) {
    cells.add(cell);
  }

  boolean isEmpty() {
    return cells.isEmpty();
  }

  /** Returns the cells whose ratio is less than {@link #LOW} times the median. */
  List<Cell> low() {
    double bound = LOW * ratios().median();
    return cells.stream().filter(cell -> cell.ratio() < bound).toList();
  }

  /** Returns the lines under the table, of at least one cell. */
  List<String> summary() {
    List<String> lines = new ArrayList<>();
    lines.add(
        "measured / predicted: %s; if reading and computing overlapped: %s"
            .formatted(
                range(ratios()), range(new Series(cells.stream().map(Cell::overlapped).toList()))));
    List<Cell> low = low();
    lines.add(
        low.isEmpty()
            ? "every value is above %.1f of the median".formatted(LOW)
            : "below %.1f of the median: %s"
                .formatted(
                    LOW,
                    String.join(
                        ", ",
                        low.stream().map(cell -> named(cell.name(), cell.ratio())).toList())));
    return lines;
  }

  private Series ratios() {
    return new Series(cells.stream().map(Cell::ratio).toList());
  }

  private static String named(String name, double ratio) {
    return String.format(Locale.ROOT, "%s (%.2f)", name, ratio);
  }

  private static String range(Series ratios) {
    return String.format(
        Locale.ROOT, "%.2f (%.2f to %.2f)", ratios.median(), ratios.min(), ratios.max());
  }
}
