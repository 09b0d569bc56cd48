package io.calm.loadtest.trial;

import io.calm.loadtest.figures.RunResult;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * The search for the highest rate of Poisson arrivals at which an objective holds: the rate grows
 * until the objective breaks, or shrinks until it holds, then the interval between is halved on a
 * logarithmic scale.
 */
final class RateSweep {
  private static final double GROWTH = 1.5;

  /** The search ends when the rates on both sides are this close. */
  private static final double RESOLUTION = 1.1;

  private RateSweep() {}

  /** A run of an open load. */
  @FunctionalInterface
  interface Load {
    RunResult at(double rate) throws IOException, InterruptedException;
  }

  /** A rate that was tried. */
  record Point(double rate, boolean holds, RunResult run) {}

  /**
   * All rates that were tried, in order.
   *
   * @param highest highest rate that held; empty if none did
   * @param broke whether a rate was found at which the objective breaks
   */
  record Outcome(List<Point> points, OptionalDouble highest, boolean broke) {
    Outcome {
      points = List.copyOf(points);
    }
  }

  /**
   * Searches the highest rate.
   *
   * @param start first rate, in requests per second
   * @param runs maximum number of runs, at least 1
   */
  static Outcome search(double start, int runs, Slo slo, Load load)
      throws IOException, InterruptedException {
    List<Point> points = new ArrayList<>();
    double low = 0;
    double high = Double.POSITIVE_INFINITY;
    double rate = start;
    while (points.size() < runs && (low == 0 || high / low > RESOLUTION)) {
      Point point = tried(rate, slo, load);
      points.add(point);
      if (point.holds()) {
        low = rate;
      } else {
        high = rate;
      }
      rate = next(low, high);
    }
    return outcome(points);
  }

  private static double next(double low, double high) {
    if (low == 0) {
      return high / 2;
    }
    return Double.isInfinite(high) ? low * GROWTH : Math.sqrt(low * high);
  }

  /** Runs given rates in ascending order, until the objective breaks. */
  static Outcome over(List<Double> rates, Slo slo, Load load)
      throws IOException, InterruptedException {
    List<Point> points = new ArrayList<>();
    for (double rate : rates.stream().sorted().toList()) {
      points.add(tried(rate, slo, load));
      if (!points.get(points.size() - 1).holds()) {
        break;
      }
    }
    return outcome(points);
  }

  private static Point tried(double rate, Slo slo, Load load)
      throws IOException, InterruptedException {
    RunResult run = load.at(rate);
    return new Point(rate, slo.holds(run), run);
  }

  private static Outcome outcome(List<Point> points) {
    return new Outcome(
        points,
        points.stream().filter(Point::holds).mapToDouble(Point::rate).max(),
        points.stream().anyMatch(point -> !point.holds()));
  }
}
