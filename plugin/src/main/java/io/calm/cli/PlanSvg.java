package io.calm.cli;

import io.calm.search.QuantPlan;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A plan as an SVG drawing: one column per block, one row per algorithm, the served algorithm of
 * each block as a filled cell.
 *
 * <p>The other candidates of a block have the distance of their score from a perfect one, the
 * <em>loss</em>, in percent above that of the served block. A larger loss makes the cell stronger,
 * on a logarithmic scale.
 *
 * <p>The drawing follows the reader's colour scheme, and brings its own background for viewers that
 * do not pass the scheme on. Colours are those of Okabe and Ito, which stay apart for colour-blind
 * readers. The position of a cell carries the same information as its colour, and the text in
 * {@code desc} the same choices as the drawing.
 */
final class PlanSvg {
  private static final int CELL_WIDTH = 20;
  private static final int CELL_HEIGHT = 22;
  private static final int GAP = 2;
  private static final int LEFT = 16;
  private static final int TOP = 44;
  private static final int CHARACTER_WIDTH = 8;
  private static final int COUNT_WIDTH = 92;
  private static final int LABELLED_BLOCKS = 5;
  private static final int MIN_GRID_WIDTH = 500; // of the texts below the grid
  private static final double WEAKEST = 0.12;
  private static final double STRONGEST = 0.6;

  private static final List<String> COLOURS =
      List.of("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00");

  private final QuantPlan plan;
  private final String model;
  private final List<List<String>> served; // the algorithms of each block's parts
  private final boolean byParts;
  private final List<String> rows;
  private final int labelWidth;
  private final double largestExcess;

  private PlanSvg(QuantPlan plan, String model) {
    this.plan = plan;
    this.model = model;
    this.served = plan.blocks().stream().map(plan::algorithmsOf).toList();
    this.byParts = served.stream().anyMatch(parts -> parts.size() > 1);
    this.rows = rows(plan, served);
    this.labelWidth =
        CHARACTER_WIDTH * rows.stream().mapToInt(String::length).max().orElse(0) + CHARACTER_WIDTH;
    this.largestExcess =
        plan.blocks().stream()
            .flatMap(
                block -> rows.stream().map(name -> excess(block, name)).flatMap(Optional::stream))
            .mapToDouble(Math::abs)
            .max()
            .orElse(0);
  }

  /**
   * Returns the drawing as an XML document.
   *
   * @param model the model's name, for the title
   */
  static String draw(QuantPlan plan, String model) {
    return new PlanSvg(plan, model).document();
  }

  /** Returns the algorithms that serve most blocks first; others in the order of the pool. */
  private static List<String> rows(QuantPlan plan, List<List<String>> served) {
    List<String> names = new ArrayList<>(plan.pool());
    served.stream()
        .flatMap(List::stream)
        .filter(name -> !names.contains(name))
        .distinct()
        .forEach(names::add);
    names.sort(Comparator.comparingDouble((String name) -> -count(served, name)));
    return List.copyOf(names);
  }

  /** Returns the number of blocks that an algorithm serves, parts as fractions. */
  private static double count(List<List<String>> served, String name) {
    return served.stream()
        .mapToDouble(parts -> (double) parts.stream().filter(name::equals).count() / parts.size())
        .sum();
  }

  /**
   * Returns by how many percent the loss of a candidate exceeds that of the served block; empty if
   * either has none.
   */
  private Optional<Double> excess(QuantPlan.BlockChoice block, String name) {
    Optional<Double> served = plan.resultOf(block).map(this::loss).filter(loss -> loss > 0);
    return Optional.ofNullable(block.candidates().get(name))
        .map(this::loss)
        .flatMap(loss -> served.map(base -> 100 * (loss / base - 1)))
        .filter(Double::isFinite);
  }

  private double loss(QuantPlan.Candidate candidate) {
    return candidate.failure().isPresent() ? Double.NaN : plan.metric().best() - candidate.score();
  }

  private String document() {
    int gridWidth = Math.max(MIN_GRID_WIDTH, served.size() * CELL_WIDTH);
    int width = LEFT + labelWidth + gridWidth + COUNT_WIDTH;
    int height = TOP + rows.size() * CELL_HEIGHT + 68;
    StringBuilder svg = new StringBuilder();
    line(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"title desc\""
            + " viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">",
        width,
        height,
        width,
        height);
    line(svg, "<title id=\"title\">%s</title>", escape(title()));
    line(svg, "<desc id=\"desc\">%s</desc>", escape(description()));
    style(svg);
    line(svg, "<rect class=\"panel\" width=\"%d\" height=\"%d\" rx=\"6\"/>", width, height);
    text(svg, "head", LEFT, 26, title());
    for (int row = 0; row < rows.size(); row++) {
      row(svg, row);
      text(
          svg,
          "count",
          LEFT + labelWidth + gridWidth + CHARACTER_WIDTH,
          baseline(row),
          blocks(count(served, rows.get(row))));
    }
    axis(svg);
    return svg.append("</svg>\n").toString();
  }

  private void style(StringBuilder svg) {
    line(svg, "<style>");
    line(svg, ":root { color-scheme: light dark; }");
    line(svg, "text { font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #1f2328; }");
    line(svg, ".head { font: 600 14px system-ui, sans-serif; }");
    line(svg, ".excess { font-size: 10px; text-anchor: middle; }");
    line(svg, ".panel { fill: #ffffff; stroke: #d1d9e0; }");
    line(svg, ".other { fill: #768390; }");
    for (int row = 0; row < rows.size(); row++) {
      line(svg, ".a%d { fill: %s; }", row, COLOURS.get(row % COLOURS.size()));
    }
    line(svg, "@media (prefers-color-scheme: dark) {");
    line(svg, "text { fill: #e6edf3; }");
    line(svg, ".panel { fill: #0d1117; stroke: #3d444d; }");
    line(svg, "}");
    line(svg, "</style>");
  }

  private void row(StringBuilder svg, int row) {
    String name = rows.get(row);
    text(svg, "name", LEFT, baseline(row), name);
    for (int block = 0; block < served.size(); block++) {
      List<String> parts = served.get(block);
      int x = LEFT + labelWidth + block * CELL_WIDTH;
      boolean whole = parts.equals(List.of(name));
      if (whole) {
        cell(svg, "a" + row, x, row, CELL_WIDTH - GAP, 2);
      } else {
        boolean covered = parts.contains(name); // by the cells of its parts
        other(svg, covered ? Optional.empty() : excess(plan.blocks().get(block), name), x, row);
      }
      for (int part = 0; part < parts.size() && !whole; part++) {
        if (parts.get(part).equals(name)) {
          int from = (CELL_WIDTH - GAP) * part / parts.size();
          int to = (CELL_WIDTH - GAP) * (part + 1) / parts.size();
          cell(svg, "a" + row, x + from, row, to - from, 0);
        }
      }
    }
  }

  /** Draws the cell of a candidate that does not serve all of the block. */
  private void other(StringBuilder svg, Optional<Double> excess, int x, int row) {
    double strength =
        excess
            .map(e -> Math.log1p(Math.max(0, e)) / Math.log1p(Math.max(1, largestExcess)))
            .orElse(0.0);
    cell(svg, "other", WEAKEST + (STRONGEST - WEAKEST) * strength, x, row, CELL_WIDTH - GAP, 2);
    int middle = x + (CELL_WIDTH - GAP) / 2;
    excess.ifPresent(e -> text(svg, "excess", middle, baseline(row), percent(e)));
  }

  /** Returns a number of percent in the three or four characters that a cell has room for. */
  private static String percent(double value) {
    return value < 999.5 ? Long.toString(Math.round(value)) : Math.round(value / 1000) + "k";
  }

  private static void cell(StringBuilder svg, String style, int x, int row, int width, int radius) {
    cell(svg, style, 1, x, row, width, radius);
  }

  private static void cell(
      StringBuilder svg, String style, double opacity, int x, int row, int width, int radius) {
    line(
        svg,
        "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\"%s/>",
        style,
        x,
        TOP + row * CELL_HEIGHT,
        width,
        CELL_HEIGHT - GAP,
        radius,
        opacity < 1 ? String.format(Locale.ROOT, " fill-opacity=\"%.2f\"", opacity) : "");
  }

  private void axis(StringBuilder svg) {
    int y = TOP + rows.size() * CELL_HEIGHT + 16;
    for (int block = 0; block < served.size(); block += LABELLED_BLOCKS) {
      text(svg, "tick", LEFT + labelWidth + block * CELL_WIDTH, y, Integer.toString(block));
    }
    text(
        svg,
        "axis",
        LEFT + labelWidth,
        y + 20,
        byParts
            ? "block, from the embeddings to the lm_head; its parts from left to right"
            : "block, from the embeddings to the lm_head");
    if (largestExcess > 0) {
      text(
          svg,
          "axis",
          LEFT + labelWidth,
          y + 40,
          "number: loss by %s above that of what is served, in %%"
              .formatted(plan.metric().setting()));
    }
  }

  private static int baseline(int row) {
    return TOP + row * CELL_HEIGHT + 15;
  }

  private String title() {
    return "%s: algorithm of each block (served: %s)".formatted(model, plan.served());
  }

  /** Returns the drawing in words: for every algorithm that serves, the blocks it has. */
  private String description() {
    return rows.stream()
        .filter(name -> count(served, name) > 0)
        .map(
            name ->
                "%s: %s (%s)"
                    .formatted(
                        name,
                        blocks(count(served, name)),
                        IntStream.range(0, served.size())
                            .filter(block -> served.get(block).contains(name))
                            .mapToObj(block -> place(block, name))
                            .collect(Collectors.joining(", "))))
        .collect(Collectors.joining("; "));
  }

  /** Returns a block, with the numbers of its parts if the algorithm does not serve all of it. */
  private String place(int block, String name) {
    List<String> parts = served.get(block);
    if (parts.size() == 1) {
      return Integer.toString(block);
    }
    return IntStream.range(0, parts.size())
        .filter(part -> parts.get(part).equals(name))
        .mapToObj(part -> plan.blocks().get(block).parts().orElseThrow().choices().get(part).part())
        .collect(Collectors.joining(" and ", block + " ", ""));
  }

  private static String blocks(double count) {
    return count == 1
        ? "1 block"
        : count == Math.rint(count)
            ? String.format(Locale.ROOT, "%.0f blocks", count)
            : String.format(Locale.ROOT, "%.2f blocks", count);
  }

  private static void text(StringBuilder svg, String kind, int x, int y, String text) {
    line(svg, "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>", kind, x, y, escape(text));
  }

  private static void line(StringBuilder svg, String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
