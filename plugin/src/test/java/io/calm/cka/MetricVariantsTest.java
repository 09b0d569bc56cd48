package io.calm.cka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.kernels.KernelVariants;
import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;
import io.calm.testing.Seeds;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The metrics of a block's contribution and of normalized rows, against their formulas. */
final class MetricVariantsTest {
  private static final SearchKernels KERNELS = KernelVariants.ofThisMachine().searchKernels();

  private static Score score(Metric metric, float[][] x, float[][] input, float[][] y) {
    return metric
        .reference(Matrix.of(x), Matrix.of(input), ComparedRows.all(x.length), 2, KERNELS)
        .score(Matrix.of(y));
  }

  private static Score.Value value(Metric metric, float[][] x, float[][] input, float[][] y) {
    return assertInstanceOf(Score.Value.class, score(metric, x, input, y));
  }

  private static float[][] minus(float[][] x, float[][] y) {
    float[][] difference = new float[x.length][x[0].length];
    for (int i = 0; i < x.length; i++) {
      for (int k = 0; k < x[i].length; k++) {
        difference[i][k] = x[i][k] - y[i][k];
      }
    }
    return difference;
  }

  private static float[][] rounded(double[][] x) {
    float[][] rows = new float[x.length][x[0].length];
    for (int i = 0; i < x.length; i++) {
      for (int k = 0; k < x[i].length; k++) {
        rows[i][k] = (float) x[i][k];
      }
    }
    return rows;
  }

  /** Feature form and Gram form, one tile and several. */
  @ParameterizedTest
  @CsvSource({"4,9", "60,20", "20,60", "140,130", "130,140"})
  void agreeWithTheDefinitions(int n, int d) {
    long seed = Seeds.of(17L * n + d);
    String where = "seed " + seed;
    RandomMatrices random = new RandomMatrices(seed);
    float[][] input = random.gaussian(n, d);
    float[][] x = random.noisy(input, 2);
    float[][] y = random.noisy(x, 0.5);

    Score.Value contribution = value(Metric.CKA_CONTRIBUTION, x, input, y);
    assertEquals(
        NaiveCka.debiased(minus(x, input), minus(y, input)), contribution.value(), 1e-8, where);
    assertEquals(contribution.value(), contribution.debiased(), where);

    Score.Value normalized = value(Metric.CKA_NORMALIZED, x, input, y);
    double expected =
        NaiveCka.debiased(rounded(NaiveCka.normalized(x)), rounded(NaiveCka.normalized(y)));
    assertEquals(expected, normalized.value(), 1e-6 * Math.max(1, Math.abs(expected)), where);

    double mse = NaiveCka.normalizedMse(x, y);
    assertEquals(-mse, value(Metric.RELATIVE_MSE_NORMALIZED, x, input, y).value(), 1e-12, where);
    for (Metric metric : Metric.values()) {
      Score.Value any = value(metric, x, input, y);
      assertEquals(NaiveCka.relativeMse(x, y), any.relativeMse(), 1e-12, metric + " " + where);
      assertEquals(mse, any.normalizedMse(), 1e-12, metric + " " + where);
    }
  }

  @Test
  void allMetricsGiveTheBitsOfEachAlone() {
    RandomMatrices random = new RandomMatrices(4);
    float[][] input = random.gaussian(70, 30);
    float[][] x = random.noisy(input, 1);
    x[3] = random.affine(new float[][] {x[3]}, 1000)[0];
    float[][] y = random.noisy(x, 0.1);
    ComparedRows rows = ComparedRows.scalingSinks(Matrix.of(x), 20);
    assertEquals(1, rows.sinks());
    Map<Metric, Score> all =
        new AllMetrics(Matrix.of(x), Matrix.of(input), rows, 2, KERNELS).scores(Matrix.of(y));
    for (Metric metric : Metric.values()) {
      Score alone =
          metric.reference(Matrix.of(x), Matrix.of(input), rows, 3, KERNELS).score(Matrix.of(y));
      assertEquals(alone, all.get(metric), metric.setting());
    }
  }

  @Test
  void aSinkCountsAsIfItWereScaledDown() {
    RandomMatrices random = new RandomMatrices(8);
    float[][] input = random.gaussian(50, 12);
    float[][] x = random.noisy(input, 1);
    x[0] = random.affine(new float[][] {x[0]}, 1000)[0];
    float[][] y = random.noisy(x, 0.3);
    ComparedRows rows = ComparedRows.scalingSinks(Matrix.of(x), 20);
    for (Metric metric : Metric.values()) {
      Score got =
          metric.reference(Matrix.of(x), Matrix.of(input), rows, 2, KERNELS).score(Matrix.of(y));
      float factor = rows.factor(0);
      Score expected =
          score(
              metric,
              RandomMatrices.firstRowTimes(factor, x),
              RandomMatrices.firstRowTimes(factor, input),
              RandomMatrices.firstRowTimes(factor, y));
      assertEquals(expected, got, metric.setting());
    }
  }

  /** A candidate that spoils the sink alone: left out, it would be the best one. */
  @Test
  void everyMetricSeesASpoiltSink() {
    RandomMatrices random = new RandomMatrices(8);
    float[][] input = random.gaussian(50, 12);
    float[][] x = random.noisy(input, 1);
    x[0] = random.affine(new float[][] {x[0]}, 1000)[0];
    float[][] good = random.noisy(x, 0.01);
    float[][] spoilt = good.clone();
    spoilt[0] = input[0];
    ComparedRows rows = ComparedRows.scalingSinks(Matrix.of(x), 20);
    for (Metric metric : Metric.values()) {
      MetricReference reference =
          metric.reference(Matrix.of(x), Matrix.of(input), rows, 2, KERNELS);
      double ofGood = ((Score.Value) reference.score(Matrix.of(good))).value();
      double ofSpoilt = ((Score.Value) reference.score(Matrix.of(spoilt))).value();
      assertTrue(ofSpoilt < ofGood - 1e-3, metric + ": " + ofSpoilt + ", " + ofGood);
    }
  }

  @Test
  void normalizedRowsHaveTheSameWeightWhateverTheirNorm() {
    RandomMatrices random = new RandomMatrices(5);
    float[][] x = random.gaussian(40, 10);
    float[][] y = random.noisy(x, 0.5);
    float[][] scaledX = x.clone();
    float[][] scaledY = y.clone();
    for (int i = 0; i < x.length; i += 3) {
      scaledX[i] = times(x[i], 1 << i % 7);
      scaledY[i] = times(y[i], 1 << i % 5);
    }
    assertEquals(
        value(Metric.RELATIVE_MSE_NORMALIZED, x, x, y).value(),
        value(Metric.RELATIVE_MSE_NORMALIZED, scaledX, x, scaledY).value(),
        1e-12);
    assertEquals(
        value(Metric.CKA_NORMALIZED, x, x, y).value(),
        value(Metric.CKA_NORMALIZED, scaledX, x, scaledY).value(),
        1e-6);
  }

  private static float[] times(float[] row, float factor) {
    float[] product = row.clone();
    for (int k = 0; k < product.length; k++) {
      product[k] *= factor;
    }
    return product;
  }

  @Test
  void rowsOfZerosAreNotDivided() {
    float[][] x = new RandomMatrices(3).gaussian(9, 4);
    float[][] y = new RandomMatrices(3).noisy(x, 0.2);
    x[2] = new float[4];
    y[5] = new float[4];
    assertEquals(
        -NaiveCka.normalizedMse(x, y),
        value(Metric.RELATIVE_MSE_NORMALIZED, x, x, y).value(),
        1e-12);
    assertTrue(Double.isFinite(value(Metric.CKA_NORMALIZED, x, x, y).value()));
    float[][] zero = new float[9][4];
    assertEquals(
        new Score.Undefined("relative-mse-normalized: all 9 rows of the reference are zero"),
        score(Metric.RELATIVE_MSE_NORMALIZED, zero, x, y));
  }

  /** A block that adds nothing has no contribution to compare. */
  @Test
  void aBlockThatAddsNothingHasNoContribution() {
    float[][] x = new RandomMatrices(6).gaussian(9, 4);
    Score.Undefined undefined =
        assertInstanceOf(
            Score.Undefined.class,
            score(Metric.CKA_CONTRIBUTION, x, x, new RandomMatrices(7).noisy(x, 0.2)));
    assertTrue(
        undefined.reason().startsWith("cka-contribution: the rows of the reference differ too"),
        undefined.reason());
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void equalMatricesHaveTheBestScore(Metric metric) {
    float[][] input = new RandomMatrices(1).gaussian(40, 8);
    float[][] x = new RandomMatrices(2).noisy(input, 1);
    float[][] y = new RandomMatrices(3).noisy(x, 0.1);
    assertEquals(metric.best(), value(metric, x, input, x).value(), 1e-12);
    assertTrue(value(metric, x, input, y).value() < metric.best() - 1e-6);
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void aNumberThatIsNotFiniteIsNamedByRow(Metric metric) {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      float[][] x = new RandomMatrices(4).gaussian(12, 5);
      float[][] input = new RandomMatrices(5).gaussian(12, 5);
      float[][] y = new RandomMatrices(4).gaussian(12, 5);
      y[7][2] = bad;
      assertEquals(
          new Score.Undefined("candidate: row 7 has a NaN or infinity"),
          score(metric, x, input, y));
      assertEquals(
          new Score.Undefined("reference: row 7 has a NaN or infinity"),
          score(metric, y, input, x));
    }
  }

  @Test
  void onlyTheContributionReadsTheInput() {
    for (Metric metric : Metric.values()) {
      assertEquals(metric == Metric.CKA_CONTRIBUTION, metric.readsInput(), metric.setting());
    }
    Matrix x = Matrix.allocate(5, 3);
    IllegalArgumentException shape =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                Metric.CKA_CONTRIBUTION.reference(
                    x, Matrix.allocate(5, 4), ComparedRows.all(5), 1, KERNELS));
    assertEquals(
        "input: expected the shape of the output, Matrix[5, 3], got Matrix[5, 4]",
        shape.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"300,260", "260,300"})
  void haveTheSameBitsOnAnyNumberOfThreads(int n, int d) {
    RandomMatrices random = new RandomMatrices(3);
    float[][] input = random.gaussian(n, d);
    float[][] x = random.noisy(input, 1);
    float[][] y = random.noisy(x, 0.1);
    ComparedRows rows = ComparedRows.all(n);
    Map<Metric, Score> one =
        new AllMetrics(Matrix.of(x), Matrix.of(input), rows, 1, KERNELS).scores(Matrix.of(y));
    assertEquals(
        one, new AllMetrics(Matrix.of(x), Matrix.of(input), rows, 5, KERNELS).scores(Matrix.of(y)));
  }
}
