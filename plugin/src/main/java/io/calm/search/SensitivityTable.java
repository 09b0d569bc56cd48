package io.calm.search;

import io.calm.cka.Metric;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * The finished cells of some blocks and a pool.
 *
 * @param blocks measured blocks, ascending
 * @param pool names of the algorithms
 * @param texts number of windows of each held-out text, by name
 * @param length tokens per window
 * @param cells one for each block and algorithm, in that order
 */
public record SensitivityTable(
    List<Integer> blocks,
    List<String> pool,
    Map<String, Integer> texts,
    int length,
    List<SensitivityCell> cells) {
  /** Name of all texts together. */
  public static final String ALL = "all texts";

  public SensitivityTable {
    blocks = List.copyOf(blocks);
    pool = List.copyOf(pool);
    cells = List.copyOf(cells);
  }

  /**
   * A mean over windows.
   *
   * @param standardError NaN with fewer than two windows
   */
  public record Estimate(double mean, double standardError) {
    static Estimate of(double[] windows) {
      double error =
          windows.length < 2
              ? Double.NaN
              : Paired.standardError(windows, new double[windows.length]);
      return new Estimate(Paired.mean(windows), error);
    }
  }

  /**
   * A choice of one algorithm per block, and the sum of the KL divergences that its blocks have
   * alone. The sum is close to the divergence of the whole plan.
   *
   * @param name {@code perfect choice}, {@code by METRIC} or {@code uniform-NAME}
   * @param sum in nats per token
   * @param overPerfect paired difference to the perfect choice
   * @param overUniform paired difference to the uniform plan with the lowest sum
   * @param chosen number of blocks of each algorithm
   */
  public record Choices(
      String name,
      Estimate sum,
      Estimate overPerfect,
      Estimate overUniform,
      Map<String, Integer> chosen) {}

  /** Returns the names of the texts, and {@link #ALL} last if there are several. */
  public List<String> textNames() {
    List<String> names = new ArrayList<>(texts.keySet());
    if (names.size() > 1) {
      names.add(ALL);
    }
    return names;
  }

  /** Returns the mean divergence of a cell on a text. */
  public Estimate kl(SensitivityCell cell, String text) {
    return Estimate.of(windows(cell, text));
  }

  private static double[] windows(SensitivityCell cell, String text) {
    return cell.kl().entrySet().stream()
        .filter(entry -> text.equals(ALL) || entry.getKey().equals(text))
        .flatMap(entry -> entry.getValue().stream())
        .mapToDouble(Double::doubleValue)
        .toArray();
  }

  /**
   * Returns what the perfect choice, each metric and each uniform plan cost on a text. The perfect
   * choice is made on the same windows, so that its sum is a bound that no choice reaches on
   * others. Blocks on which every algorithm failed count for none. A metric that is undefined on
   * another block, or a uniform plan that failed on one, is left out: the sum over fewer blocks
   * would look better than it is.
   */
  public List<Choices> summary(String text) {
    Map<String, List<SensitivityCell>> plans = new LinkedHashMap<>();
    List<SensitivityCell> best = choose(cells -> perfect(cells, text));
    plans.put("perfect choice", best);
    for (Metric metric : Metric.values()) {
      List<SensitivityCell> chosen = choose(cells -> byMetric(cells, metric));
      if (chosen.size() == best.size()) {
        plans.put("by " + metric.setting(), chosen);
      }
    }
    Map<String, List<SensitivityCell>> uniforms = new LinkedHashMap<>();
    for (String name : pool) {
      List<SensitivityCell> uniform =
          choose(cells -> cells.stream().filter(c -> c.algorithm().equals(name)).findFirst());
      if (uniform.size() == best.size()) {
        uniforms.put(QuantPlan.uniform(name), uniform);
      }
    }
    plans.putAll(uniforms);
    double[] perfect = sum(best, text);
    double[] bestUniform =
        uniforms.values().stream()
            .map(uniform -> sum(uniform, text))
            .min((a, b) -> Double.compare(Paired.mean(a), Paired.mean(b)))
            .orElseGet(() -> filled(perfect.length, Double.NaN));
    List<Choices> summary = new ArrayList<>();
    plans.forEach((name, plan) -> summary.add(choices(name, plan, text, perfect, bestUniform)));
    return summary;
  }

  private Choices choices(
      String name,
      List<SensitivityCell> plan,
      String text,
      double[] perfect,
      double[] bestUniform) {
    Map<String, Integer> chosen = new TreeMap<>();
    plan.forEach(cell -> chosen.merge(cell.algorithm(), 1, Integer::sum));
    double[] sum = sum(plan, text);
    return new Choices(
        name,
        Estimate.of(sum),
        Estimate.of(minus(sum, perfect)),
        Estimate.of(minus(sum, bestUniform)),
        chosen);
  }

  /** Returns one cell for each block, if {@code choice} makes one among those that succeeded. */
  private List<SensitivityCell> choose(
      Function<List<SensitivityCell>, Optional<SensitivityCell>> choice) {
    return blocks.stream()
        .map(
            block ->
                cells.stream()
                    .filter(cell -> cell.block() == block && cell.failure().isEmpty())
                    .toList())
        .filter(candidates -> !candidates.isEmpty())
        .flatMap(candidates -> choice.apply(candidates).stream())
        .toList();
  }

  private static Optional<SensitivityCell> perfect(List<SensitivityCell> cells, String text) {
    return cells.stream()
        .min(
            (a, b) -> Double.compare(Paired.mean(windows(a, text)), Paired.mean(windows(b, text))));
  }

  /** Returns the choice by a metric; only saturated scores tie, as within a block. */
  private static Optional<SensitivityCell> byMetric(List<SensitivityCell> cells, Metric metric) {
    List<QuantPlan.Candidate> candidates =
        cells.stream().map(cell -> candidate(cell, metric)).toList();
    return Choice.among(candidates, Choice.Ties.narrow()).map(choice -> cells.get(choice.index()));
  }

  private static QuantPlan.Candidate candidate(SensitivityCell cell, Metric metric) {
    double score = score(cell, metric);
    return new QuantPlan.Candidate(
        score,
        score(cell, Metric.CKA_BIASED),
        -score(cell, Metric.RELATIVE_MSE),
        -score(cell, Metric.RELATIVE_MSE_NORMALIZED),
        cell.seconds(),
        Double.isNaN(score) ? Optional.of("undefined") : Optional.empty(),
        Map.of());
  }

  private static double score(SensitivityCell cell, Metric metric) {
    return cell.scores().getOrDefault(metric.setting(), Double.NaN);
  }

  /** Returns how each metric agrees with the divergences on a text. */
  public List<MetricAgreement> agreements(String text) {
    List<MetricAgreement> agreements = new ArrayList<>();
    for (Metric metric : Metric.values()) {
      List<MetricAgreement.Point> points =
          cells.stream()
              .filter(cell -> cell.failure().isEmpty())
              .map(
                  cell ->
                      new MetricAgreement.Point(
                          cell.block(),
                          metric.best() - score(cell, metric),
                          Paired.mean(windows(cell, text))))
              .toList();
      agreements.add(MetricAgreement.of(metric, points));
    }
    return agreements;
  }

  private double[] sum(List<SensitivityCell> plan, String text) {
    int windows =
        texts.entrySet().stream()
            .filter(entry -> text.equals(ALL) || entry.getKey().equals(text))
            .mapToInt(Map.Entry::getValue)
            .sum();
    double[] sum = new double[windows];
    for (SensitivityCell cell : plan) {
      double[] kl = windows(cell, text);
      for (int w = 0; w < windows; w++) {
        sum[w] += kl[w];
      }
    }
    return sum;
  }

  private static double[] minus(double[] a, double[] b) {
    double[] difference = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      difference[i] = a[i] - b[i];
    }
    return difference;
  }

  private static double[] filled(int length, double value) {
    double[] values = new double[length];
    Arrays.fill(values, value);
    return values;
  }
}
