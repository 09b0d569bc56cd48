package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.cka.Metric;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The sums of a table, computed by hand. */
class SensitivityTableTest {

  /** A cell whose metrics are all {@code score}, but relative MSE, whose score is {@code mse}. */
  private static SensitivityCell cell(
      int block, String algorithm, double score, double mse, Double... kl) {
    Map<String, Double> scores = new HashMap<>();
    for (Metric metric : Metric.values()) {
      scores.put(metric.setting(), score);
    }
    scores.put("relative-mse", -mse);
    return new SensitivityCell(
        block, algorithm, Optional.empty(), scores, Map.of("text", List.of(kl)), 1);
  }

  private static SensitivityCell failed(int block, String algorithm) {
    return new SensitivityCell(block, algorithm, Optional.of("a reason"), Map.of(), Map.of(), 1);
  }

  private static SensitivityTable table(List<SensitivityCell> cells) {
    return new SensitivityTable(
        cells.stream().map(SensitivityCell::block).distinct().toList(),
        List.of("a", "b"),
        Map.of("text", 2),
        16,
        cells);
  }

  private static SensitivityTable.Choices row(SensitivityTable table, String name) {
    return table.summary("text").stream()
        .filter(choices -> choices.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private final SensitivityTable table =
      table(
          List.of(
              cell(0, "a", 0.9, 0.3, 1.0, 3.0),
              cell(0, "b", 0.8, 0.1, 2.0, 4.0),
              cell(1, "a", 0.9, 0.3, 6.0, 6.0),
              cell(1, "b", 0.8, 0.1, 5.0, 3.0)));

  @Test
  void sumsAreThoseOfTheChosenCells() {
    SensitivityTable.Choices perfect = row(table, "perfect choice");
    assertEquals(6, perfect.sum().mean(), 1e-12, "block 0 by a: 1, 3; block 1 by b: 5, 3");
    assertEquals(0, perfect.sum().standardError(), 1e-12);
    assertEquals(Map.of("a", 1, "b", 1), perfect.chosen());

    SensitivityTable.Choices a = row(table, "uniform-a");
    assertEquals(8, a.sum().mean(), 1e-12, "7 and 9");
    assertEquals(1, a.sum().standardError(), 1e-12);
    assertEquals(2, a.overPerfect().mean(), 1e-12, "1 and 3");
    assertEquals(1, a.overPerfect().standardError(), 1e-12);

    SensitivityTable.Choices b = row(table, "uniform-b");
    assertEquals(7, b.sum().mean(), 1e-12, "7 and 7");
    assertEquals(0, b.overUniform().mean(), 1e-12, "the best uniform plan");
    assertEquals(1, row(table, "uniform-a").overUniform().mean(), 1e-12);
  }

  @Test
  void aMetricChoosesTheHighestScore() {
    assertEquals(Map.of("a", 2), row(table, "by cka").chosen());
    assertEquals(8, row(table, "by cka").sum().mean(), 1e-12);
    assertEquals(Map.of("b", 2), row(table, "by relative-mse").chosen());
    assertEquals(
        1 + Metric.values().length + 2, table.summary("text").size(), "perfect, metrics, uniforms");
  }

  @Test
  void scoresWithinTheTieOfASearchGoToTheLowestError() {
    SensitivityTable tied =
        table(
            List.of(cell(0, "a", 1 - 1e-7, 0.3, 1.0, 3.0), cell(0, "b", 1 - 9e-7, 0.1, 2.0, 4.0)));
    assertEquals(Map.of("b", 1), row(tied, "by cka").chosen());
  }

  @Test
  void aFailureEndsTheUniformPlanAndNoOtherChoice() {
    SensitivityTable table =
        table(
            List.of(
                cell(0, "a", 0.9, 0.3, 1.0, 3.0),
                failed(0, "b"),
                cell(1, "a", 0.9, 0.3, 6.0, 6.0),
                cell(1, "b", 0.8, 0.1, 5.0, 3.0)));
    List<String> names =
        table.summary("text").stream().map(SensitivityTable.Choices::name).toList();
    assertTrue(names.contains("uniform-a"), names.toString());
    assertTrue(!names.contains("uniform-b"), names.toString());
    assertEquals(Map.of("a", 1, "b", 1), row(table, "perfect choice").chosen());
  }

  @Test
  void aMetricThatIsUndefinedOnABlockHasNoSumOverTheOthers() {
    SensitivityCell defined = cell(1, "b", 0.8, 0.1, 5.0, 3.0);
    Map<String, Double> scores = new HashMap<>(defined.scores());
    scores.put("cka", Double.NaN);
    SensitivityCell undefined =
        new SensitivityCell(1, "b", Optional.empty(), scores, defined.kl(), 1);
    SensitivityTable table =
        table(
            List.of(
                cell(0, "a", 0.9, 0.3, 1.0, 3.0),
                cell(0, "b", 0.8, 0.1, 2.0, 4.0),
                failed(1, "a"),
                undefined));
    List<String> names =
        table.summary("text").stream().map(SensitivityTable.Choices::name).toList();
    assertTrue(!names.contains("by cka"), names.toString());
    assertEquals(6, row(table, "perfect choice").sum().mean(), 1e-12, "a, then b");
    assertEquals(7, row(table, "by relative-mse").sum().mean(), 1e-12, "b and b");
    assertTrue(
        table.summary("text").stream().allMatch(choices -> choices.overPerfect().mean() >= 0));
  }

  private MetricAgreement agreement(Metric metric) {
    return table.agreements("text").stream()
        .filter(agreement -> agreement.metric() == metric)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aMetricAgreesWhereItPrefersTheLowerDivergence() {
    MetricAgreement cka = agreement(Metric.CKA);
    assertEquals(Metric.CKA, cka.metric());
    assertEquals(2, cka.pairs());
    assertEquals(1, cka.right(), "a is better in block 0 and worse in block 1");
    assertEquals(2, cka.lost(), 1e-12, "6 against 4 in block 1");
    MetricAgreement mse = agreement(Metric.RELATIVE_MSE);
    assertEquals(1, mse.right());
    assertEquals(1, mse.lost(), 1e-12, "3 against 2 in block 0");
  }

  @Test
  void aLossThatIsAPowerOfTheDivergenceCorrelatesPerfectly() {
    List<MetricAgreement.Point> points =
        List.of(
            new MetricAgreement.Point(0, 0.01, 0.1),
            new MetricAgreement.Point(0, 0.04, 0.2),
            new MetricAgreement.Point(1, 0.09, 0.3),
            new MetricAgreement.Point(1, Double.NaN, 0.3));
    MetricAgreement agreement = MetricAgreement.of(Metric.CKA, points);
    assertEquals(1, agreement.correlation(), 1e-12);
    assertEquals(1, agreement.pairs(), "equal divergences are no pair, nor are two blocks");
    assertEquals(1, agreement.right());
  }

  @Test
  void severalTextsAreAlsoSummedTogether() {
    SensitivityCell cell =
        new SensitivityCell(
            0,
            "a",
            Optional.empty(),
            Map.of(),
            new LinkedHashMap<>(Map.of("one", List.of(1.0, 3.0), "two", List.of(8.0))),
            1);
    SensitivityTable both =
        new SensitivityTable(
            List.of(0),
            List.of("a"),
            new LinkedHashMap<>(Map.of("one", 2, "two", 1)),
            16,
            List.of(cell));
    assertEquals(SensitivityTable.ALL, both.textNames().get(2));
    assertEquals(4, both.kl(cell, SensitivityTable.ALL).mean(), 1e-12);
    assertEquals(2, both.kl(cell, "one").mean(), 1e-12);
    assertEquals(1, both.kl(cell, "one").standardError(), 1e-12);
    assertTrue(Double.isNaN(both.kl(cell, "two").standardError()), "one window has no error");
    assertEquals(List.of("text"), table.textNames());
  }
}
