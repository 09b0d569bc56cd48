package io.calm.loadtest.trial;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * The p99 of the time to first token over the rate of arrivals, one line per server, as SVG. Both
 * axes are logarithmic.
 */
final class LatencyChart {
  private static final List<String> COLOURS = List.of("#2a78d6", "#d9822b", "#3f9c5a", "#9a5cc0");
  private static final int WIDTH = 720;
  private static final int HEIGHT = 320;
  private static final int LEFT = 60;
  private static final int RIGHT = 150;
  private static final int TOP = 20;
  private static final int BOTTOM = 50;

  private final List<Trial.Result> results;
  private final double limit;
  private final Axis rates;
  private final Axis millis;

  LatencyChart(List<Trial.Result> results, double limit) {
    this.results = List.copyOf(results);
    this.limit = limit;
    double[] x = points().mapToDouble(RateSweep.Point::rate).toArray();
    double[] y =
        points()
            .mapToDouble(point -> point.run().firstToken().p99())
            .filter(LatencyChart::isDrawable)
            .toArray();
    this.rates = Axis.over(x, LEFT, WIDTH - RIGHT);
    this.millis = Axis.over(y.length == 0 ? new double[] {limit} : y, HEIGHT - BOTTOM, TOP);
  }

  private Stream<RateSweep.Point> points() {
    return results.stream().flatMap(result -> result.sweep().points().stream());
  }

  /** A logarithmic axis from {@code low} to {@code high}. */
  private record Axis(double low, double high, int from, int to) {
    static Axis over(double[] values, int from, int to) {
      double low = Double.POSITIVE_INFINITY;
      double high = 0;
      for (double value : values) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      return new Axis(low / 1.2, high * 1.2, from, to);
    }

    double at(double value) {
      return from + (to - from) * Math.log(value / low) / Math.log(high / low);
    }

    boolean has(double value) {
      return value >= low && value <= high;
    }
  }

  private static boolean isDrawable(double value) {
    return Double.isFinite(value) && value > 0;
  }

  /** Returns the chart. */
  String svg() {
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"chart-title\">%n"
                + "<title id=\"chart-title\">p99 of the time to first token over the rate of"
                + " requests</title>%n",
            WIDTH,
            HEIGHT));
    axes(svg);
    for (int i = 0; i < results.size(); i++) {
      line(svg, results.get(i), COLOURS.get(i % COLOURS.size()), i);
    }
    return svg.append("</svg>").toString();
  }

  private void axes(StringBuilder svg) {
    for (double tick : ticks(rates)) {
      text(svg, rates.at(tick), HEIGHT - BOTTOM + 18, "middle", label(tick));
    }
    for (double tick : ticks(millis)) {
      double y = millis.at(tick);
      stroke(svg, LEFT, y, WIDTH - RIGHT, "stroke=\"currentColor\" stroke-opacity=\"0.15\"");
      text(svg, LEFT - 8, y + 4, "end", label(tick));
    }
    if (millis.has(limit)) {
      stroke(
          svg,
          LEFT,
          millis.at(limit),
          WIDTH - RIGHT,
          "stroke=\"currentColor\" stroke-dasharray=\"4 4\" stroke-opacity=\"0.6\"");
      text(svg, WIDTH - RIGHT + 8, millis.at(limit) + 4, "start", "objective");
    }
    text(svg, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10, "middle", "requests per second");
    text(svg, LEFT - 8, 12, "end", "ms");
  }

  private void line(StringBuilder svg, Trial.Result result, String colour, int index) {
    List<RateSweep.Point> points =
        result.sweep().points().stream()
            .filter(point -> isDrawable(point.run().firstToken().p99()))
            .sorted(Comparator.comparingDouble(RateSweep.Point::rate))
            .toList();
    StringBuilder path = new StringBuilder();
    for (RateSweep.Point point : points) {
      double x = rates.at(point.rate());
      double y = millis.at(point.run().firstToken().p99());
      path.append(path.isEmpty() ? "M" : " L").append(pair(x, y));
      svg.append(
          String.format(
              Locale.ROOT,
              "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" stroke=\"%s\" fill=\"%s\"/>%n",
              x,
              y,
              colour,
              point.holds() ? colour : "none"));
    }
    svg.append(
        "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>%n"
            .formatted(path, colour));
    double y = TOP + 16 + 20 * index;
    svg.append(
        String.format(
            Locale.ROOT,
            "<circle cx=\"%d\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>%n",
            WIDTH - RIGHT + 14,
            y - 4,
            colour));
    text(svg, WIDTH - RIGHT + 24, y, "start", result.contender().label());
  }

  private static List<Double> ticks(Axis axis) {
    List<Double> ticks = new ArrayList<>();
    for (int power = -3; power <= 7; power++) {
      for (double step : new double[] {1, 2, 5}) {
        double tick = step * Math.pow(10, power);
        if (axis.has(tick)) {
          ticks.add(tick);
        }
      }
    }
    return ticks;
  }

  private static String label(double value) {
    return value >= 1
        ? String.format(Locale.ROOT, "%.0f", value)
        : String.format(Locale.ROOT, "%.3f", value).replaceAll("0+$", "");
  }

  private static String pair(double x, double y) {
    return String.format(Locale.ROOT, "%.1f %.1f", x, y);
  }

  private static void stroke(StringBuilder svg, double x, double y, double to, String style) {
    svg.append(
        String.format(
            Locale.ROOT, "<path d=\"M%s H%.1f\" fill=\"none\" %s/>%n", pair(x, y), to, style));
  }

  private static void text(StringBuilder svg, double x, double y, String anchor, String text) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"12\""
                + " fill=\"currentColor\">%s</text>%n",
            x,
            y,
            anchor,
            SummaryPage.escaped(text)));
  }
}
