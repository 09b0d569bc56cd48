package io.calm.cli;

import io.calm.quant.Quantizer;
import io.calm.search.QuantPlan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Formats a plan as text. */
final class PlanTable {
  private static final String CELL = "  %-22s";

  private PlanTable() {}

  /**
   * Returns a header and one line per block with the served algorithm and each candidate's score
   * and error. If the guard rejected the mix, the mix has a column of its own.
   */
  static List<String> lines(QuantPlan plan) {
    Set<String> names = new LinkedHashSet<>();
    for (QuantPlan.BlockChoice block : plan.blocks()) {
      block.candidates().forEach((name, candidate) -> addMeasured(names, name, candidate));
    }
    Optional<String> instead = servedInstead(plan);
    List<String> lines = new ArrayList<>();
    // The algorithms of a block's parts may be long.
    int longest = plan.blocks().stream().mapToInt(b -> b.algorithm().length()).max().orElse(0);
    String column = "  %-" + Math.max(12, longest) + "s";
    StringBuilder header =
        new StringBuilder(String.format(Locale.ROOT, "%5s" + column, "block", "served"));
    instead.ifPresent(name -> header.append(String.format(Locale.ROOT, column, "rejected mix")));
    names.forEach(name -> header.append(String.format(Locale.ROOT, CELL, name)));
    lines.add(header.append("  reason").toString());
    for (QuantPlan.BlockChoice block : plan.blocks()) {
      StringBuilder line =
          new StringBuilder(
              String.format(Locale.ROOT, "%5d" + column, block.block(), served(plan, block)));
      instead.ifPresent(name -> line.append(String.format(Locale.ROOT, column, block.algorithm())));
      for (String name : names) {
        line.append(String.format(Locale.ROOT, CELL, cell(block.candidates(), name)));
      }
      lines.add(line.append("  ").append(block.reason()).toString());
    }
    return lines;
  }

  /** Adds a candidate with a score or a failure. A plan from weights alone has neither. */
  private static void addMeasured(Set<String> names, String name, QuantPlan.Candidate candidate) {
    if (candidate.failure().isPresent() || !Double.isNaN(candidate.score())) {
      names.add(name);
    }
  }

  /**
   * Returns the algorithm that serves a block: the chosen one, unless the guard rejected the mix.
   */
  static String served(QuantPlan plan, QuantPlan.BlockChoice block) {
    return servedInstead(plan).orElse(block.algorithm());
  }

  /** Returns the algorithm that replaces a mix that the guard rejected. */
  private static Optional<String> servedInstead(QuantPlan plan) {
    return plan.guard().filter(guard -> !guard.mixServed()).map(QuantPlan.GuardResult::uniform);
  }

  private static String cell(Map<String, QuantPlan.Candidate> candidates, String name) {
    QuantPlan.Candidate candidate = candidates.get(name);
    if (candidate == null) {
      return "-";
    }
    return candidate.failure().isPresent()
        ? "failed"
        : String.format(Locale.ROOT, "%.7f %.2e", candidate.score(), candidate.relativeMse());
  }

  /**
   * Returns the served variant with its reason, the cost of the search, and the calibration data.
   */
  static String summary(QuantPlan plan) {
    Map<String, Long> counts =
        plan.blocks().stream()
            .collect(
                Collectors.groupingBy(
                    QuantPlan.BlockChoice::algorithm, TreeMap::new, Collectors.counting()));
    QuantPlan.Calibration calibration = plan.calibration();
    return String.format(
            Locale.ROOT,
            "served: %s (%s)%n"
                + "%s: %s; group %d, metric %s%n"
                + "lm_head: %s (%s)%n"
                + "cost: %d evaluations (%d blocks x %s), %d collecting and %d guard forwards,"
                + " %.0f s; %d of %d scored rows are attention sinks%n"
                + "calibration: %s, %d + %d + %d sequences of %d tokens, seed %d",
            plan.served(),
            plan.reason(),
            servedInstead(plan).isPresent() ? "the mix, rejected by the guard" : "chosen",
            counts + byPart(plan),
            plan.group(),
            plan.metric().setting(),
            plan.head().format().setting(),
            plan.head().reason(),
            plan.evaluations(),
            plan.blocks().size(),
            candidates(plan),
            plan.collectionForwards(),
            plan.guardForwards(),
            plan.seconds(),
            plan.sinkRows(),
            plan.scoredRows(),
            calibration.source(),
            calibration.fit(),
            calibration.score(),
            calibration.guard(),
            calibration.length(),
            calibration.seed())
        + warnings(plan);
  }

  /** Returns the number of candidates of a block in words. */
  private static String candidates(QuantPlan plan) {
    int pool = plan.pool().size();
    return plan.blocks().stream()
        .flatMap(block -> block.parts().stream())
        .findFirst()
        .map(
            parts ->
                "(%d parts x %d algorithms + the block)".formatted(parts.choices().size(), pool))
        .orElseGet(() -> pool == 1 ? "1 algorithm" : pool + " algorithms");
  }

  /** Returns the counts of each part's algorithms; empty if blocks were chosen as a whole. */
  private static String byPart(QuantPlan plan) {
    Map<String, Map<String, Integer>> counts = new LinkedHashMap<>();
    for (QuantPlan.BlockChoice block : plan.blocks()) {
      block
          .parts()
          .ifPresent(
              parts ->
                  parts
                      .choices()
                      .forEach(
                          choice ->
                              counts
                                  .computeIfAbsent(choice.part(), any -> new TreeMap<>())
                                  .merge(choice.algorithm(), 1, Integer::sum)));
    }
    return counts.isEmpty() ? "" : "; by part " + counts;
  }

  /** Returns the algorithms' warnings, each once, with the blocks that have it. */
  private static String warnings(QuantPlan plan) {
    Map<String, List<Integer>> blocks = new LinkedHashMap<>();
    for (QuantPlan.BlockChoice block : plan.blocks()) {
      block
          .candidates()
          .forEach(
              (name, candidate) ->
                  candidate.detail().entrySet().stream()
                      .filter(finding -> finding.getKey().endsWith(Quantizer.WARNING))
                      .sorted(Map.Entry.comparingByKey())
                      .map(finding -> name + ", " + finding.getKey() + ": " + finding.getValue())
                      .forEach(
                          text ->
                              blocks
                                  .computeIfAbsent(text, any -> new ArrayList<>())
                                  .add(block.block())));
    }
    StringBuilder lines = new StringBuilder();
    blocks.forEach(
        (text, where) ->
            lines.append(String.format(Locale.ROOT, "%n%s (%d blocks)", text, where.size())));
    return lines.toString();
  }
}
